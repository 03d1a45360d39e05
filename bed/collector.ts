import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { requirePackages } from '../build/apt.ts';
import { cached, contentsOf } from '../build/cache.ts';
import { must } from '../build/run.ts';
import { bridgeAddress, networkOf } from './layout.ts';

/** A datagram as it arrived: when (ms since 1970, by the kernel), from where, and its text. */
export interface Datagram {
  readonly ms: number;
  readonly sender: string;
  readonly text: string;
}

export interface Collector {
  /** Where pods of both clusters send to. */
  readonly address: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/**
 * Listens for datagrams at a free port of the bed's bridge. No address is translated on the way: the sender's is that of a
 * pod's sandbox, and so tells cluster, node and copy.
 *
 * @param onDatagram told of each, in the order of arrival
 * @param onLoss told how many the kernel has had no room for, in all
 */
export async function startCollector(onDatagram: (one: Datagram) => void, onLoss: (count: number) => void): Promise<Collector> {
  // It ends with its standard input, and so with us.
  const child = spawn('nsenter', [`--net=/run/netns/${networkOf()}`, '--', await collectorProgram(), bridgeAddress], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve, reject) => child.once('close', () => resolve()).once('error', reject));
  const port = await new Promise<number>((resolve, reject) => {
    ended.then(() => reject(new Error('the collector of datagrams ended at once')), reject);
    createInterface(child.stdout).on('line', (line) => {
      const [first = '', second = '', ...text] = line.split(' ');
      if (first === 'listening') resolve(Number(second));
      else if (first === 'dropped') onLoss(Number(second));
      else onDatagram({ ms: Number(first) * 1000, sender: second, text: text.join(' ') });
    });
  });
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { address: bridgeAddress, port, stop };
}

async function collectorProgram(): Promise<string> {
  const source = join(import.meta.dirname, 'collector.c');
  const folder = await cached('collector', await contentsOf([source]), async (draft) => {
    await requirePackages(['musl-tools']);
    await must(['musl-gcc', '-static', '-O2', '-Wall', '-Wextra', '-Werror', '-s', '-o', join(draft, 'collector'), source]);
  });
  return join(folder, 'collector');
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { networkOf, type BedNode } from '../layout.ts';
import type { Load, LoadReport } from './crowd.ts';

export interface Hammering {
  /** Fulfilled when there are so many more good answers than at the call. @throws Error when the clients end before */
  readonly untilAnswered: (count: number) => Promise<void>;
  /** No request is begun any more; those that are under way are waited for. */
  readonly stop: () => Promise<LoadReport>;
}

/**
 * Starts clients in a node's network, where Services have their addresses, or in that of the bed's bridge, from which pods can
 * be reached and Services cannot: no kube-proxy is there.
 */
export async function startHammer(load: Load, node?: BedNode): Promise<Hammering> {
  const program = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts'), JSON.stringify(load)];
  const child = spawn('nsenter', [`--net=/run/netns/${networkOf(node)}`, '--', ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
  let good = 0;
  let report: LoadReport | undefined;
  const waiting = new Set<{ count: number; resolve: () => void }>();
  createInterface(child.stdout).on('line', (line) => {
    const told = JSON.parse(line) as { good?: number; report?: LoadReport };
    report = told.report;
    good = told.good ?? good;
    for (const one of waiting) if (good >= one.count) one.resolve();
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await once(child, 'spawn');
  child.stdin.on('error', () => undefined);
  return {
    untilAnswered: async (count) => {
      const enough = new Promise<void>((resolve) => waiting.add({ count: good + count, resolve }));
      const tooEarly = ended.then(() => Promise.reject(new Error(`the clients ended after ${good} good answers`)));
      await Promise.race([enough, tooEarly]);
    },
    stop: async () => {
      child.stdin.end();
      await ended;
      if (report === undefined) throw new Error('the clients ended without a report');
      return report;
    },
  };
}

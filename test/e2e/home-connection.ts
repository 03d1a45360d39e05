import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { insideBed } from '../../bed/bed.ts';
import { kubeconfigFile } from '../../bed/layout.ts';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';

const pipe =
  "const s=require('net').connect(+process.argv[2],process.argv[1]);process.stdin.pipe(s).pipe(process.stdout);for(const one of [s,process.stdin,process.stdout])one.on('error',()=>process.exit(1))";

/** The home cluster's API server, which only the bed's network reaches. */
export async function homeConnection(onDial?: (stream: Duplex) => Duplex): Promise<KubeConnection> {
  const dial = async (host: string, port: number): Promise<Duplex> => {
    const { command } = await insideBed([process.execPath, '-e', pipe, host, String(port)]);
    const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    const stream = Duplex.from({ readable: child.stdout, writable: child.stdin } as unknown as Iterable<unknown>);
    stream.once('close', () => child.kill());
    return onDial ? onDial(stream) : stream;
  };
  return await connectionFromKubeconfig(readFileSync(kubeconfigFile, 'utf8'), 'home', { dial });
}

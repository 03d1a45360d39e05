import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insideBed, mustIn, runIn } from '../../bed/bed.ts';
import { nodes } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import type { RunResult } from '../../build/run.ts';
import type { KubeList, KubeObject, Pod } from '../../src/kube/types.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';

export type Side = 'home' | 'away';

export async function kubectl(side: Side, ...args: readonly string[]): Promise<RunResult> {
  return await runIn(['kubectl', '--context', side, '-n', 'demo', ...args]);
}

export async function mustKubectl(side: Side, ...args: readonly string[]): Promise<string> {
  return await mustIn(['kubectl', '--context', side, '-n', 'demo', ...args]);
}

export async function getPod(side: Side, name: string): Promise<Pod> {
  return JSON.parse(await mustKubectl(side, 'get', 'pod', name, '-o', 'json')) as Pod;
}

/** Creates a pod and waits until it is ready. */
export async function startPod(pod: Pod): Promise<Pod> {
  await mustIn(['kubectl', '-n', 'demo', 'apply', '-f', '-'], { input: JSON.stringify(pod) });
  await mustKubectl('home', 'wait', '--for=condition=Ready', `pod/${pod.metadata.name}`, '--timeout=60s');
  return await getPod('home', pod.metadata.name);
}

export async function deletePod(name: string): Promise<void> {
  await mustKubectl('home', 'delete', 'pod', name, '--grace-period=1', '--ignore-not-found', '--wait', '--timeout=90s');
}

export async function logs(side: Side, pod: string, container = 'main'): Promise<string> {
  return await mustKubectl(side, 'logs', pod, '-c', container);
}

/** Follows a container's log until the container or its pod is gone. */
export async function followLogs(pod: string, container = 'main'): Promise<{ text: () => string; end: Promise<void> }> {
  const { command, env } = await insideBed(['kubectl', '-n', 'demo', 'logs', '-f', pod, '-c', container]);
  const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const end = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { text: () => text, end };
}

export interface Running {
  readonly child: ChildProcess;
  /** Fulfilled when standard error has that text. */
  readonly sees: (text: string) => Promise<void>;
  /** Fulfilled when it has that text in what is said from now on. */
  readonly seesAgain: (text: string) => Promise<void>;
  readonly result: Promise<RunResult>;
}

/** Starts `kubectl migrate` and lets the test act while it runs. */
export async function startMigration(...args: readonly string[]): Promise<Running> {
  const { command, env } = await insideBed(['kubectl', 'migrate', '-n', 'demo', '--to', 'away', ...args]);
  const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  const waiting: { text: string; from: number; resolve: () => void }[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk;
    for (const one of waiting) if (text.stderr.includes(one.text, one.from)) one.resolve();
  });
  const result = new Promise<RunResult>((resolve) => child.once('close', (code) => resolve({ code: code ?? 137, ...text })));
  const seesFrom = async (from: number, wanted: string): Promise<void> => {
    const seen = new Promise<void>((resolve) => waiting.push({ text: wanted, from, resolve }));
    const ended = result.then(({ stderr }) => {
      if (!stderr.includes(wanted, from)) throw new Error(`never said "${wanted}":\n${stderr}`);
    });
    await Promise.race([seen, ended]);
  };
  const sees = async (wanted: string): Promise<void> => seesFrom(0, wanted);
  const seesAgain = async (wanted: string): Promise<void> => seesFrom(text.stderr.length, wanted);
  return { child, sees, seesAgain, result };
}

export async function migrate(...args: readonly string[]): Promise<RunResult> {
  return await (
    await startMigration(...args)
  ).result;
}

/** The same command on another machine: nothing that the first one kept in files is there. */
export async function migrateElsewhere(...args: readonly string[]): Promise<RunResult> {
  const folder = await mkdtemp(join(tmpdir(), 'kubectl-migrate-elsewhere-'));
  try {
    return await runIn(['kubectl', 'migrate', '-n', 'demo', '--to', 'away', ...args], { env: { TMPDIR: folder, HOME: folder } });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Moves a pod and returns the report. @throws Error with what the command said when it fails */
export async function mustMigrate(pod: string): Promise<MigrationReport> {
  const { code, stdout, stderr } = await migrate(pod, '-o', 'json');
  if (code !== 0) throw new Error(`kubectl migrate ${pod} ended with ${code}:\n${stderr}`);
  return JSON.parse(stdout) as MigrationReport;
}

/**
 * Everything that a migration made and that is still there, in both clusters and on all nodes.
 *
 * @param moved the only pod whose migrations are meant, while others are under way: then what these have in common on a
 *   node does not count
 */
export async function leftovers(moved?: string): Promise<string[]> {
  const objects = (['home', 'away'] as const).map(async (side) => {
    const kinds = side === 'home' ? 'pods,secrets' : 'pods,secrets,shadowpods';
    const list = JSON.parse(
      await mustKubectl(side, 'get', kinds, '-l', 'app.kubernetes.io/managed-by=kubectl-migrate', '-o', 'json'),
    ) as KubeList<KubeObject>;
    const isMeant = ({ metadata }: KubeObject): boolean =>
      moved === undefined ||
      [metadata.annotations?.['kubectl-migrate/pod'], metadata.name, metadata.name.replace(/-token$/, '')].includes(moved);
    return list.items.filter(isMeant).map(({ kind, metadata }) => `${side}: ${kind} ${metadata.name}`);
  });
  const files = nodes.map(async (node) => {
    const ours =
      moved === undefined ? '/var/lib/kubectl-migrate* /run/kubectl-migrate* /run/criu.kdat' : `/var/lib/kubectl-migrate/await/*_${moved}`;
    const covers = moved === undefined ? 'grep /var/lib/kubectl-migrate/ /proc/self/mountinfo || [ $? = 1 ]' : '';
    const { code, stdout, stderr } = await runOnNode(node, [
      'sh',
      '-euc',
      `for path in ${ours}; do [ ! -e "$path" ] || echo "$path"; done; ${covers}`,
    ]);
    if (code !== 0) throw new Error(`cannot look what is left on ${node.name}: ${stderr}`);
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => `${node.name}: ${line}`);
  });
  return (await Promise.all([...objects, ...files])).flat();
}

/** What is left after helper pods, deleted a moment ago, have had the time to go. */
export async function leftoversInTheEnd(moved?: string): Promise<string[]> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const found = await leftovers(moved);
    if (found.length === 0) return [];
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return await leftovers(moved);
}

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadImage, runIn, up, whatIsMissing } from '../../bed/bed.ts';
import { cgroupMembers } from '../../bed/cgroups.ts';
import { prefix, stateDir } from '../../bed/layout.ts';
import { networkNamespaces } from '../../bed/network.ts';
import { isAlive, recordedProcesses } from '../../bed/processes.ts';
import { must, run } from '../../build/run.ts';
import { buildAgentImage } from '../../image/agent-image.ts';

const main = join(import.meta.dirname, '../../bed/main.ts');
const bed = (...args: readonly string[]): string[] => [process.execPath, main, ...args];

afterAll(async () => {
  await up(() => undefined);
  await loadImage(await buildAgentImage());
});

test('run hands through the three streams and the exit code, in a place with both clusters', async () => {
  const script = 'read word; echo "$word"; echo aside >&2; kubectl config get-contexts -o name; kubectl config current-context; exit 7';
  const result = await run(bed('run', '--', 'sh', '-c', script), { input: 'told\n' });
  expect(result).toEqual({ code: 7, stdout: 'told\naway\nhome\nhome\n', stderr: 'aside\n' });
});

test('the tools that people use are there, with this checkout as kubectl-migrate', async () => {
  const result = await runIn(['sh', '-c', 'kubectl version --client >&2 && liqoctl version --client >&2 && helm version >&2 && krew version >&2 && kubectl migrate --help']);
  expect(result.code).toBe(0);
  expect(result.stdout).toContain('kubectl migrate POD');
});

test('a second up changes nothing that runs', async () => {
  const before = await recordedProcesses();
  await must(bed('up'));
  expect(await recordedProcesses()).toEqual(before);
});

test('the monotonic clock of one node is far from the others', async () => {
  const uptime = async (node: string): Promise<number> => Number((await must(bed('node', node, '--', 'cat', '/proc/uptime'))).split('.')[0]);
  expect((await uptime('away-2')) - (await uptime('away-1'))).toBeGreaterThan(400_000);
});

test('a bed whose processes have all died is found, cleared away and made again', async () => {
  const processes = await recordedProcesses();
  for (const { pid } of processes) process.kill(pid, 'SIGKILL');
  expect(await whatIsMissing()).toMatch(/dead: .*away-apiserver/);
  expect((await run(bed('status'))).code).toBe(1);
  await must(bed('up'));
  expect(await whatIsMissing()).toBeUndefined();
  expect(processes.filter(isAlive)).toEqual([]);
});

test('an up that is killed midway leaves nothing that the next one stumbles over, and down leaves nothing at all', async () => {
  await must(bed('down'));
  expect(await leftovers()).toEqual([]);
  const child = spawn(process.execPath, [main, 'up'], { stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise<void>((resolve) => child.stderr.on('data', (text: Buffer) => (text.includes('Nodes ready') ? resolve() : undefined)));
  child.kill('SIGKILL');
  expect((await recordedProcesses()).filter(isAlive).length).toBeGreaterThan(5);
  await must(bed('up'));
  expect(await whatIsMissing()).toBeUndefined();
  await must(bed('down'));
  expect(await leftovers()).toEqual([]);
});

/** Everything on this machine that carries the bed's name. */
async function leftovers(): Promise<string[]> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(stateDir));
  const cgroups = readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' }).filter((path) => path.split('/').at(-1)?.startsWith(`${prefix}-`));
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(stateDir));
  return [...(await networkNamespaces()), ...mounts, ...cgroups, ...cgroupMembers().map(String), ...processes, ...(existsSync(stateDir) ? [stateDir] : [])];
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // ended meanwhile
  }
}

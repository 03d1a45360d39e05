import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insideBed, runIn } from '../../bed/bed.ts';
import { requirePackages } from '../../build/apt.ts';
import type { RunResult } from '../../build/run.ts';
import { deletePod, startPod } from './cluster.ts';
import { podOf } from './pods.ts';

let bin: string;

beforeAll(async () => {
  await requirePackages(['bash-completion', 'fish']);
  bin = await mkdtemp(join(tmpdir(), 'completion-'));
  await startPod(podOf('counted', ['ticker', '4', '20']));
  await startPod(podOf('counted-not', ['ticker', '4', '20'], { hostNetwork: true }));
  expect(await runCommand(['kubectl', 'migrate', 'completion', '--install', '--dir', bin])).toMatchObject({
    code: 0,
    stdout: `${join(bin, 'kubectl_complete-migrate')} made\n`,
  });
});

afterAll(async () => {
  await Promise.all(['counted', 'counted-not'].map(deletePod));
  await rm(bin, { recursive: true, force: true });
});

async function runCommand(command: readonly string[]): Promise<RunResult> {
  const { PATH = '' } = (await insideBed([])).env;
  return await runIn(command, { env: { PATH: `${bin}:${PATH}`, HOME: bin } });
}

/** What kubectl tells a shell, with the directive in its last line. */
async function asked(...words: string[]): Promise<string[]> {
  const { stdout } = await runCommand(['kubectl', '__complete', 'migrate', ...words]);
  return stdout.trimEnd().split('\n');
}

describe('kubectl asks us', () => {
  test('for pods, and gets what is in the way of moving them', async () => {
    const counted = 'counted\thome-1, 1/1 ready';
    const not = 'counted-not\thome-1, 1/1 ready; cannot move: it uses the network of its node (hostNetwork)';
    expect(await asked('-n', 'demo', 'cou')).toEqual([counted, not, ':4']);
    expect(await asked('-n=demo', 'pod/cou')).toEqual([`pod/${counted}`, `pod/${not}`, ':4']);
    expect(await asked('-n', 'default', 'cou')).toEqual([':4']);
  });

  test('for peered clusters, of the cluster that the flags before tell', async () => {
    expect(await asked('counted', '-n', 'demo', '--to', '')).toEqual(['away\tcluster away, ready', ':4']);
    expect(await asked('counted', '-n', 'demo', '--to=aw')).toEqual(['away\tcluster away, ready', ':4']);
    expect(await asked('--context', 'away', '--to', 'aw')).toEqual([':4']);
  });

  test('for namespaces and contexts', async () => {
    expect(await asked('-n', 'de')).toEqual(expect.arrayContaining(['demo\toffloaded', 'default', ':4']));
    expect((await asked('--context', '')).map((line) => line.split('\t')[0])).toEqual(['home', 'away', ':4']);
  });

  test('for flags, commands and the values of flags', async () => {
    expect((await asked('counted', '--ver')).map((line) => line.split('\t')[0])).toEqual(['--version', ':4']);
    expect((await asked('targ')).map((line) => line.split('\t')[0])).toEqual(['targets', ':4']);
    expect(await asked('counted', '--dry-run=c')).toEqual(['client', ':4']);
    expect(await asked('counted', '-o', 'jsonpath')).toEqual(['jsonpath=', 'jsonpath-as-json=', ':6']);
  });

  test('and leaves files to the shell where a file is meant', async () => {
    expect(await asked('counted', '--kubeconfig', '')).toEqual([':0']);
  });
});

/** What bash would put on the line if it is one word, and else show, as kubectl's own completion code computes it. */
async function bashCompletes(line: string): Promise<string[]> {
  const script = `
    source /usr/share/bash-completion/bash_completion
    source <(kubectl completion bash)
    COMP_LINE="$1" COMP_POINT=\${#1} COMP_TYPE=9 COMP_KEY=9 COLUMNS=160
    # Bash makes words of their own of the characters in COMP_WORDBREAKS; here only the = is one.
    read -ra COMP_WORDS <<< "\${1//=/ = }"
    [[ "$1" == *[\\ =] ]] && COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    __start_kubectl
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await runCommand(['bash', '--norc', '-c', script, 'bash', line]);
  return stdout.split('\n').filter(Boolean);
}

describe('bash', () => {
  test("completes a pod's name", async () => {
    expect(await bashCompletes('kubectl migrate -n demo cou')).toEqual([
      expect.stringMatching(/^counted +\(home-1, 1\/1 ready\)$/),
      expect.stringMatching(/^counted-not +\(home-1, 1\/1 ready; cannot move: it uses the/),
    ]);
    expect(await bashCompletes('kubectl migrate -n demo counted-')).toEqual(['counted-not']);
  });

  test('completes a cluster, behind a blank and behind =', async () => {
    expect(await bashCompletes('kubectl migrate counted --to aw')).toEqual(['away']);
    expect(await bashCompletes('kubectl migrate counted --to=aw')).toEqual(['away']);
    expect(await bashCompletes('kubectl migrate counted --to=')).toEqual(['away']);
  });

  test('completes flags', async () => {
    expect(await bashCompletes('kubectl migrate counted --time')).toEqual(['--timeline']);
  });
});

test('fish completes pods, clusters and flags', async () => {
  const fish = async (line: string): Promise<string[]> => {
    const { stdout } = await runCommand(['fish', '--no-config', '-c', 'kubectl completion fish | source; complete -C $argv[1]', line]);
    return stdout.split('\n').filter(Boolean);
  };
  expect(await fish('kubectl migrate -n demo cou')).toEqual([
    'counted\thome-1, 1/1 ready',
    'counted-not\thome-1, 1/1 ready; cannot move: it uses the network of its node (hostNetwork)',
  ]);
  expect(await fish('kubectl migrate counted --to=aw')).toEqual(['--to=away\tcluster away, ready']);
  expect(await fish('kubectl migrate counted --ver')).toEqual(['--version\tPrint the version of the plugin, and nothing else']);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, run } from '../build/run.ts';

/** A build in which one thing is missing that the promise rests on: proves that the table would tell. */
export interface Control {
  readonly name: string;
  readonly file: string;
  /** Is there once. */
  readonly line: string;
  readonly becomes: string;
  /** Those that must turn bad in it. */
  readonly cells: readonly string[];
}

export const controls: readonly Control[] = [
  {
    name: 'a barrier that opens when its agent is gone',
    file: 'native/keeper.c',
    line: '    if (!is_held(k))\n      return decide(k->held, KILL);',
    becomes: '    if (k->is_agent_gone)\n      return GO;',
    cells: ['target agent killed@held', 'command and both agents killed@held'],
  },
  {
    name: 'no fence',
    file: 'src/agent/source/fence.ts',
    line: '  await coverRuntime();\n',
    becomes: '',
    cells: ['source containers killed@held'],
  },
  {
    name: 'a source that is thawed after the commit',
    file: 'native/guard.c',
    line: '  int failed = each_frozen(doom_one);',
    becomes: '  each_frozen(thaw_one);\n  usleep(100000);\n  int failed = each_frozen(doom_one);',
    cells: ['command interrupted@committed', 'source agent killed@committed'],
  },
];

const root = join(import.meta.dirname, '..');

/** @throws Error when the line is not there once */
export function broken({ file, line, becomes }: Control): string {
  const parts = readFileSync(join(root, file), 'utf8').split(line);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${line}`);
  return parts.join(becomes);
}

export interface ControlOutcome {
  readonly control: string;
  /** Whether each of its cells turned bad. */
  readonly isRed: boolean;
  /** What its run said of them. */
  readonly said: readonly string[];
}

/** Runs the cells of a control in a copy of this checkout, on the same bed, which has that build's image on its nodes then. */
export async function runControl(control: Control): Promise<ControlOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'kubectl-migrate-control-'));
  try {
    const changed = (await must(['git', 'stash', 'create'], { cwd: root })).trim();
    await must(['git', 'worktree', 'add', '--detach', folder, changed || 'HEAD'], { cwd: root });
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, control.file), broken(control));
    const patterns = control.cells.flatMap((cell) => ['--cells', cell]);
    const { stdout, stderr } = await run([process.execPath, 'chaos/main.ts', ...patterns], { cwd: folder });
    const said = stderr.split('\n').filter((line) => /^(good|bad|missed| {9})|rror/.test(line));
    return { control: control.name, isRed: stdout.endsWith(`\n0 good, ${control.cells.length} bad, 0 missed\n`), said };
  } finally {
    await run(['git', 'worktree', 'remove', '--force', folder], { cwd: root });
    await rm(folder, { recursive: true, force: true });
  }
}

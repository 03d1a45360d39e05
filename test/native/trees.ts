import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../build/run.ts';
import { packSources } from '../../native/build.ts';
import { packCommand, TreePacker, type Piece } from '../../src/agent/files/packer.ts';
import type { Tree } from '../../src/agent/files/tree.ts';
import { strictFlags } from './strict.ts';

const native = join(import.meta.dirname, '../../native');

/** Both programs as nodes get them but for the sanitizers, without their jail, in a folder of the test. */
export async function buildTreePrograms(): Promise<Programs> {
  const folder = await mkdtemp(join(tmpdir(), 'trees-'));
  await must(['gcc', ...strictFlags, '-o', join(folder, 'pack-tree'), ...packSources], { cwd: native });
  await must(['gcc', ...strictFlags, '-o', join(folder, 'unpack-tree'), 'unpack-tree.c'], { cwd: native });
  await must(['gcc', '-O0', '-o', join(folder, 'mapper'), join(import.meta.dirname, 'mapper.c')]);
  return new Programs(folder);
}

interface PackOptions {
  readonly overlay?: Tree['overlay'];
  readonly only?: readonly string[];
  /** Where tar is looked for first. */
  readonly path?: string;
  /** Turns a command into one that runs elsewhere, in this folder. */
  readonly inside?: (folder: string, command: readonly string[]) => readonly string[];
}

export class Programs {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** A folder and its copy; `script` fills the folder. */
  async pair(script: string, where = this.folder): Promise<{ folder: string; copy: string }> {
    const [folder, copy] = await Promise.all([mkdtemp(join(where, 'from-')), mkdtemp(join(this.folder, 'copy-'))]);
    await must(['sh', '-euc', script], { cwd: folder });
    return { folder, copy };
  }

  pack(folder: string, options: PackOptions = {}): TreePacker {
    const { overlay, only, inside = (_, command) => command } = options;
    const tree: Tree = { name: 'volume.test', folder, ...(overlay && { overlay }), ...(only && { only }) };
    const [name = '', ...words] = packCommand(tree, overlay?.root ?? '');
    const [program = '', ...more] = inside(folder, [join(this.folder, name), ...words]);
    const env = { ...process.env, LC_ALL: 'C', ASAN_OPTIONS: 'detect_leaks=0', PATH: `${options.path ?? ''}:${process.env['PATH'] ?? ''}` };
    return new TreePacker(tree, spawn(program, more, { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  /** Brings one round into the copy. @returns what had to go and how much was packed @throws Error with what either program says */
  async bring(pieces: AsyncIterable<Piece>, copy: string): Promise<{ gone: string[]; bytes: number }> {
    const parts: Record<Piece['kind'], Buffer[]> = { gone: [], tar: [] };
    for await (const { kind, bytes } of pieces) parts[kind].push(bytes);
    const [gone, archive] = [Buffer.concat(parts.gone), Buffer.concat(parts.tar)];
    await this.unpack(copy, gone, archive.length > 0 ? archive : undefined);
    return { gone: gone.toString('latin1').split('\0').slice(0, -1), bytes: archive.length };
  }

  async unpack(copy: string, gone: Buffer, archive?: Buffer): Promise<void> {
    const staged = await mkdtemp(join(this.folder, 'staged-'));
    await writeFile(join(staged, 'gone'), gone);
    await writeFile(join(staged, 'tar'), archive ?? '');
    const files = ['tar', 'gone'].map((name) => openSync(join(staged, name), 'r'));
    const child = spawn(join(this.folder, 'unpack-tree'), [archive ? 'archive' : 'list'], {
      cwd: copy,
      env: { ...process.env, LC_ALL: 'C', ASAN_OPTIONS: 'detect_leaks=0' },
      stdio: [files[0] ?? 'ignore', 'ignore', 'pipe', files[1]],
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code] = (await once(child, 'close')) as [number];
    files.forEach(closeSync);
    if (code !== 0) throw new Error(said);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A container's root file system, mounted for as long as it runs, in a mount namespace of its own. */
export class Overlay {
  readonly #at: string;
  readonly #options: string;
  readonly #holder: ChildProcess;

  private constructor(at: string, options: string, holder: ChildProcess) {
    this.#at = at;
    this.#options = options;
    this.#holder = holder;
  }

  /** @param at has the folders `image` and `upper` */
  static async mount(at: string, options: string): Promise<Overlay> {
    const mount = `mkdir -p work merged; mount -t overlay overlay -o lowerdir=image,upperdir=upper,workdir=work,${options} merged`;
    const holder = spawn('unshare', ['--mount', 'sh', '-euc', `${mount}; echo; exec cat`], { cwd: at, stdio: ['pipe', 'pipe', 'inherit'] });
    await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'close').then(() => Promise.reject(new Error(`no overlay could be mounted with ${options}`))),
    ]);
    return new Overlay(at, options, holder);
  }

  /** Carries a script out in the container. */
  async run(script: string): Promise<void> {
    await must(this.#inside(join(this.#at, 'merged'), ['sh', '-euc', script]));
  }

  pack(programs: Programs): TreePacker {
    return programs.pack(join(this.#at, 'upper'), {
      overlay: { root: join(this.#at, 'merged'), marks: this.#options.includes('userxattr') ? 'user' : 'trusted' },
      inside: (folder, command) => this.#inside(folder, command),
    });
  }

  /** As {@link contentOf} tells it. */
  async content(): Promise<string[]> {
    const seen = join(this.#at, 'seen');
    await this.run(`cp -a . ${seen}`);
    return await contentOf(seen);
  }

  async unmount(): Promise<void> {
    const ended = once(this.#holder, 'close');
    this.#holder.stdin?.end();
    await ended;
  }

  #inside(folder: string, command: readonly string[]): string[] {
    return ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`, `--wdns=${folder}`, ...command];
  }
}

/** Everything below a folder, but for the folder itself: names, kinds, modes, owners, times, links and content, byte for byte. */
export async function contentOf(folder: string): Promise<string[]> {
  const list = `find . -mindepth 1 \\( -type d -printf '%p %y %m %U:%G %T@\\0' -o -type f -printf '%p %y %m %U:%G %T@ %n %s ' -exec sh -c 'md5sum < "$1"' sh {} \\; -printf '\\0' -o -printf '%p %y %m %U:%G %T@ %l\\0' \\)`;
  const { stdout } = await runRaw(['sh', '-c', list], folder);
  return stdout.toString('latin1').split('\0').toSorted();
}

/** When what was written before is so old that its stamps are believed. */
export const aged = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_100));

/** A command that sets an extended attribute. */
export const marking = (path: string, name: string, value: string): string =>
  `python3 -c 'import os; os.setxattr("${path}", "${name}", b"${value}")'`;

/** The extended attributes with `overlay` in their names, of all that is below a folder. */
export async function marksIn(folder: string): Promise<string[]> {
  const list = `import os
for at, folders, files in os.walk("."):
  for path in [os.path.relpath(os.path.join(at, one)) for one in folders + files]:
    for name in os.listxattr(path, follow_symlinks=False):
      if "overlay" in name: print(path, name, os.getxattr(path, name, follow_symlinks=False).decode())`;
  const lines = await must(['python3', '-c', list], { cwd: folder });
  return lines.split('\n').slice(0, -1).toSorted();
}

async function runRaw([program = '', ...words]: readonly string[], cwd: string): Promise<{ stdout: Buffer }> {
  const child = spawn(program, words, { cwd, env: { ...process.env, LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return { stdout: Buffer.concat(chunks) };
}

import { randomBytes } from 'node:crypto';
import { accessSync, constants, lstatSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { MigrateError } from '../../errors.ts';
import { completionName } from './invocation.ts';

/** Where programs are looked for, and how they are told from other files. */
export interface Environment {
  readonly path: string;
  readonly platform: NodeJS.Platform;
}

const sign = 'Made by "kubectl migrate completion --install", taken away by --uninstall.';

/**
 * Makes what kubectl asks for completions: not a link to the plugin, which krew replaces with every upgrade, but a
 * script that runs the plugin that PATH finds at that time.
 *
 * @param folder beside the plugin when undefined
 * @returns the file and whether it had to be made. @throws MigrateError (refused) when it cannot be made there
 */
export function install(folder: string | undefined, environment: Environment): { file: string; isNew: boolean } {
  const { name, content } = program(environment);
  const file = join(resolve(folder ?? pluginFolder(environment)), name);
  const found = attempt('made', file, () => contentOf(file));
  if (found === content) return { file, isNew: false };
  if (found !== undefined && !found.includes(sign)) {
    throw new MigrateError('refused', `${file} is there already, and was not made by this command`, {
      hint: 'move it away, or name another folder that is in PATH: --dir DIR',
    });
  }
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  attempt('made', file, () => {
    try {
      writeFileSync(draft, content, { mode: 0o755, flag: 'wx' });
      renameSync(draft, file);
    } finally {
      rmSync(draft, { force: true });
    }
  });
  return { file, isNew: true };
}

/**
 * Takes it away again.
 *
 * @param folder the first of PATH that has it when undefined
 * @returns the file that is gone, if there was one. @throws MigrateError (refused) when it is not ours, or stays
 */
export function uninstall(folder: string | undefined, environment: Environment): string | undefined {
  const { name } = program(environment);
  const file = folder === undefined ? find([name], environment) : join(resolve(folder), name);
  const found = file === undefined ? undefined : attempt('removed', file, () => contentOf(file));
  if (file === undefined || found === undefined) return undefined;
  if (!found.includes(sign)) throw new MigrateError('refused', `${file} was not made by this command, so it stays`);
  attempt('removed', file, () => rmSync(file));
  return file;
}

/** The program that kubectl asks: the first that PATH has. */
export function completionProgram(environment: Environment): string | undefined {
  return find([program(environment).name], environment);
}

function program({ platform }: Environment): { name: string; content: string } {
  return platform === 'win32'
    ? { name: `${completionName}.cmd`, content: `@rem ${sign}\r\n@kubectl-migrate __complete %*\r\n` }
    : { name: completionName, content: `#!/bin/sh\n# ${sign}\nexec kubectl-migrate __complete "$@"\n` };
}

/** The folder, not of the file that a link there leads to: krew's is in PATH, its store is not. */
function pluginFolder(environment: Environment): string {
  const names =
    environment.platform === 'win32' ? ['kubectl-migrate.exe', 'kubectl-migrate.cmd', 'kubectl-migrate.bat'] : ['kubectl-migrate'];
  const file = find(names, environment);
  if (file !== undefined) return join(file, '..');
  throw new MigrateError('refused', 'kubectl-migrate is in no folder of PATH', { hint: 'put it into one, or name one: --dir DIR' });
}

function find(names: readonly string[], { path }: Environment): string | undefined {
  const folders = path.split(delimiter).filter(Boolean);
  return folders.flatMap((folder) => names.map((name) => join(resolve(folder), name))).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Undefined when there is nothing; nothing but a file can be ours, and no link: it leads to what is another's. */
function contentOf(file: string): string | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found) return undefined;
  return found.isFile() && found.size < 4096 ? readFileSync(file, 'utf8') : '';
}

function attempt<T>(be: string, file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new MigrateError('refused', `${file} cannot be ${be}: ${(cause as Error).message}`, {
      cause,
      hint: 'ask who may write there, or name another folder that is in PATH: --dir DIR',
    });
  }
}

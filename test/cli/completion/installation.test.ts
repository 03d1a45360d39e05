import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { completionProgram, install, uninstall, type Environment } from '../../../src/cli/completion/installation.ts';
import { MigrateError } from '../../../src/errors.ts';

let folder: string;
let bin: string;
let environment: Environment;

/** The plugin as krew has it: a link in the folder that is in PATH, to a store that is not. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
  bin = join(folder, 'bin');
  for (const name of ['bin', 'store', 'other']) mkdirSync(join(folder, name));
  writeProgram(join(folder, 'store/kubectl-migrate'), '#!/bin/sh\nprintf "<%s>" "$@"\n');
  symlinkSync('../store/kubectl-migrate', join(bin, 'kubectl-migrate'));
  environment = { path: [join(folder, 'other'), bin].join(delimiter), platform: 'linux' };
});

afterEach(() => rmSync(folder, { recursive: true }));

function writeProgram(file: string, content: string): void {
  writeFileSync(file, content);
  chmodSync(file, 0o755);
}

function refusal(work: () => unknown): MigrateError {
  try {
    work();
  } catch (error) {
    if (error instanceof MigrateError && error.kind === 'refused') return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('--install', () => {
  test('makes a program beside the link that PATH finds, which hands the words on as they are', () => {
    const file = join(bin, 'kubectl_complete-migrate');
    expect(install(undefined, environment)).toEqual({ file, isNew: true });
    expect(readdirSync(bin).toSorted()).toEqual(['kubectl-migrate', 'kubectl_complete-migrate']);
    const said = execFileSync(file, ['pod/a b', '$(c)', ''], { env: { PATH: `${bin}:/usr/bin:/bin` }, encoding: 'utf8' });
    expect(said).toBe('<__complete><pod/a b><$(c)><>');
    expect(completionProgram(environment)).toBe(file);
  });

  test('survives an upgrade that puts another link in place of the plugin', () => {
    const { file } = install(undefined, environment);
    mkdirSync(join(folder, 'store2'));
    writeProgram(join(folder, 'store2/kubectl-migrate'), '#!/bin/sh\necho new\n');
    rmSync(join(folder, 'store'), { recursive: true });
    rmSync(join(bin, 'kubectl-migrate'));
    symlinkSync('../store2/kubectl-migrate', join(bin, 'kubectl-migrate'));
    expect(execFileSync(file, [''], { env: { PATH: `${bin}:/usr/bin:/bin` }, encoding: 'utf8' })).toBe('new\n');
  });

  test('changes nothing the second time, and renews what an older version of it made', () => {
    const { file } = install(undefined, environment);
    const before = statSync(file).ctimeMs;
    expect(install(undefined, environment)).toEqual({ file, isNew: false });
    expect(statSync(file).ctimeMs).toBe(before);
    const content = readFileSync(file, 'utf8');
    writeFileSync(file, content.replace('exec', 'exec nice'));
    expect(install(undefined, environment)).toEqual({ file, isNew: true });
    expect(readFileSync(file, 'utf8')).toBe(content);
  });

  test('leaves alone what is not its own, be it a file or a link', () => {
    const file = join(bin, 'kubectl_complete-migrate');
    writeProgram(file, '#!/bin/sh\necho mine\n');
    expect(refusal(() => install(undefined, environment)).message).toBe(`${file} is there already, and was not made by this command`);
    expect(readFileSync(file, 'utf8')).toContain('echo mine');
    rmSync(file);
    symlinkSync('kubectl-migrate', file);
    expect(refusal(() => install(undefined, environment)).hint).toContain('--dir DIR');
    expect(readlinkSync(file)).toBe('kubectl-migrate');
    expect(refusal(() => uninstall(undefined, environment)).message).toBe(`${file} was not made by this command, so it stays`);
    expect(existsSync(file)).toBe(true);
  });

  test('says what to do when the folder cannot be written to, and leaves nothing there', () => {
    // A file in the place of the folder: root may write into every folder.
    const error = refusal(() => install(join(bin, 'kubectl-migrate'), environment));
    expect(error.message).toMatch(/kubectl_complete-migrate cannot be made: ENOTDIR/);
    expect(error.hint).toContain('--dir DIR');
  });

  test('says what to do when the plugin is not in PATH', () => {
    const error = refusal(() => install(undefined, { ...environment, path: join(folder, 'other') }));
    expect(error).toMatchObject({
      message: 'kubectl-migrate is in no folder of PATH',
      hint: expect.stringContaining('--dir DIR') as string,
    });
  });

  test('takes another folder', () => {
    const file = join(folder, 'other/kubectl_complete-migrate');
    expect(install(join(folder, 'other'), environment)).toEqual({ file, isNew: true });
    expect(completionProgram(environment)).toBe(file);
  });

  test('makes what Windows takes for a program', () => {
    writeProgram(join(bin, 'kubectl-migrate.exe'), '');
    const { file } = install(undefined, { ...environment, platform: 'win32' });
    expect(file).toBe(join(bin, 'kubectl_complete-migrate.cmd'));
    expect(readFileSync(file, 'utf8')).toMatch(/^@rem .*\r\n@kubectl-migrate __complete %\*\r\n$/);
  });
});

describe('--uninstall', () => {
  test('takes away what --install made, wherever in PATH it is', () => {
    const { file } = install(join(folder, 'other'), environment);
    expect(uninstall(undefined, environment)).toBe(file);
    expect(readdirSync(join(folder, 'other'))).toEqual([]);
    expect(uninstall(undefined, environment)).toBeUndefined();
  });

  test('takes it away from a folder that is not in PATH', () => {
    const { file } = install(folder, environment);
    expect(uninstall(folder, environment)).toBe(file);
    expect(existsSync(file)).toBe(false);
  });
});

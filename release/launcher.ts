import { writeSync } from 'node:fs';
import { getRawAsset } from 'node:sea';
import { Script } from 'node:vm';
import { wordsToComplete } from '../src/cli/completion/invocation.ts';
import { programScript, runScript, type ScriptName } from './scripts.ts';

declare const VERSION: string;

/**
 * What an executable runs first. The version is told from here, without process.stdout, which takes its time to make.
 * The scripts are assets and no part of this one, because V8 would parse it whole before the first line runs; their code
 * caches are assets too, because one that does not fit the processor is then left aside without a word.
 */
const words = process.argv.slice(2);
if (words.length === 1 && words[0] === '--version' && !wordsToComplete(process.argv)) emit(`kubectl-migrate v${VERSION}\n`);
else runScript(programScript, compiled, require);

function emit(line: string): void {
  try {
    writeSync(1, line);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN') {
      process.stdout.write(line); // a full pipe that does not block: wait for its reader
      return;
    }
    // A reader that has gone is no error of ours.
    if (code !== 'EPIPE') throw error;
  }
  process.exit();
}

function compiled(name: ScriptName): Script {
  const cachedData = codeCache(name);
  // All ASCII, and much quicker to read as latin1 than as utf8.
  return new Script(asset(name).toString('latin1'), { filename: name, ...(cachedData && { cachedData }) });
}

function codeCache(name: ScriptName): Buffer | undefined {
  try {
    return asset(`${name}.cache`);
  } catch {
    return undefined; // none could be made for this platform
  }
}

function asset(name: string): Buffer {
  return Buffer.from(getRawAsset(name) as ArrayBuffer);
}

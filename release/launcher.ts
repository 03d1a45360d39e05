import { getAsset, getRawAsset } from 'node:sea';
import { Script } from 'node:vm';
import { wordsToComplete } from '../src/cli/completion/called.ts';

declare const VERSION: string;

/**
 * What an executable runs first. The version is told from here: reading the bundle would take three times as long.
 * The bundle is an asset and no part of this script, because V8 would parse it whole before the first line runs; its
 * code cache is an asset too, because one that does not fit the processor is then left aside without a word.
 */
const words = process.argv.slice(2);
if (words.length === 1 && words[0] === '--version' && !wordsToComplete(process.argv)) {
  process.stdout.write(`kubectl-migrate v${VERSION}\n`);
} else {
  const cachedData = codeCache();
  const script = new Script(getAsset('program', 'utf8'), { filename: 'kubectl-migrate.cjs', ...(cachedData && { cachedData }) });
  (script.runInThisContext() as (require: NodeJS.Require, module: { exports: unknown }) => void)(require, { exports: {} });
}

function codeCache(): Buffer | undefined {
  try {
    return Buffer.from(getRawAsset('code-cache') as ArrayBuffer);
  } catch {
    return undefined; // none could be made for this platform
  }
}

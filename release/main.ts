import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { bundle, type Bundle } from './bundle.ts';
import { writeCriuSource } from './criu-source.ts';
import { krewManifest, type Archive } from './krew.ts';
import { packaged } from './packaged.ts';
import { nameOf, platforms, type Platform } from './platforms.ts';

/**
 * `npm run dist` makes everything of a release in dist/: an archive for each platform, CRIU's source, their checksums and
 * krew's manifest. `--platform linux-amd64` makes that one archive only, `--output DIR` another folder.
 */
const { values } = parseArgs({ options: { platform: { type: 'string' }, output: { type: 'string' } } });
const output = values.output ?? join(import.meta.dirname, '..', 'dist');
const wanted = platforms.filter((platform) => values.platform === undefined || nameOf(platform) === values.platform);
if (wanted.length === 0) throw new Error(`no platform ${values.platform}: there are ${platforms.map(nameOf).join(', ')}`);

await mkdir(output, { recursive: true });
const contents = await bundle();
const limit = pLimit(availableParallelism());
const archives = await Promise.all(wanted.map(async (platform) => limit(async () => makeArchive(platform, contents))));
const isWhole = wanted.length === platforms.length;
const files = [...archives, ...(isWhole ? [await writeCriuSource(output)] : [])];
await writeFile(join(output, 'SHA256SUMS'), files.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join(''));
if (isWhole) await writeFile(join(output, 'migrate.yaml'), await krewManifest(archives));

async function makeArchive(platform: Platform, inside: Bundle): Promise<Archive> {
  const start = performance.now();
  const made = await packaged(platform, inside);
  const file = basename(made);
  await copyFile(made, join(output, file));
  const archive = await readFile(made);
  process.stderr.write(`${file}: ${(archive.length / 1e6).toFixed(1)} MB, ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  return { platform, file, sha256: createHash('sha256').update(archive).digest('hex') };
}

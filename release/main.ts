import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { licenceFiles, writeArchive } from './archive.ts';
import { bundle, type Bundle } from './bundle.ts';
import { makeExecutable } from './executable.ts';
import { archiveName, krewManifest, type Archive } from './krew.ts';
import { nodeBinary } from './node-binary.ts';
import { nameOf, platforms, programOf, type Platform } from './platforms.ts';

/**
 * `npm run dist` makes everything of a release in dist/: an archive for each platform, their checksums and krew's
 * manifest. `--platform linux-amd64` makes that one archive only, `--output DIR` another folder.
 */
const { values } = parseArgs({ options: { platform: { type: 'string' }, output: { type: 'string' } } });
const output = values.output ?? join(import.meta.dirname, '..', 'dist');
const wanted = platforms.filter((platform) => values.platform === undefined || nameOf(platform) === values.platform);
if (wanted.length === 0) throw new Error(`no platform ${values.platform}: there are ${platforms.map(nameOf).join(', ')}`);

await mkdir(output, { recursive: true });
const contents = await bundle();
const limit = pLimit(availableParallelism());
const archives = await Promise.all(wanted.map(async (platform) => limit(async () => makeArchive(platform, contents))));
await writeFile(join(output, 'SHA256SUMS'), archives.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join(''));
if (wanted.length === platforms.length) await writeFile(join(output, 'migrate.yaml'), await krewManifest(archives));

async function makeArchive(platform: Platform, inside: Bundle): Promise<Archive> {
  const scratch = await mkdtemp(join(tmpdir(), 'dist-'));
  const start = performance.now();
  try {
    const program = await readFile(await makeExecutable(platform, inside, scratch));
    const file = archiveName(platform);
    const licences = await licenceFiles(await nodeBinary(platforms[0] ?? platform), inside.licences);
    await writeArchive(join(output, file), [{ name: programOf(platform), content: program, isProgram: true }, ...licences]);
    const archive = await readFile(join(output, file));
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stderr.write(`${file}: ${(archive.length / 1e6).toFixed(1)} MB, the program ${(program.length / 1e6).toFixed(1)} MB, ${seconds} s\n`);
    return { platform, file, sha256: createHash('sha256').update(archive).digest('hex') };
  } finally {
    await rm(scratch, { recursive: true });
  }
}

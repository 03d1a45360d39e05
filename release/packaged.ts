import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, contentsOf } from '../build/cache.ts';
import { licenceFiles, writeArchive } from './archive.ts';
import type { Bundle } from './bundle.ts';
import { makeExecutable } from './executable.ts';
import { archiveName } from './krew.ts';
import { nodeBinary } from './node-binary.ts';
import { platforms, programOf, type Platform } from './platforms.ts';

/** Two releases of all platforms: each change of a source makes new ones, of 40 MB each. */
const kept = 2 * platforms.length;

/**
 * A platform's archive, made or out of the cache.
 *
 * @returns its path; the file has the name that it has in a release
 */
export async function packaged(platform: Platform, inside: Bundle): Promise<string> {
  const recipe = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.ts')).toSorted();
  const contents = await contentsOf(recipe.map((name) => join(import.meta.dirname, name)));
  const node = await nodeBinary(platform);
  const licences = await licenceFiles(await nodeBinary(platforms[0] ?? platform), inside.licences);
  const inputs = [
    programOf(platform),
    node,
    inside.main,
    ...Object.values(inside.scripts),
    ...licences.map(({ content }) => content.toString()),
    ...contents,
  ];
  const file = archiveName(platform);
  const folder = await cached(
    'package',
    inputs,
    async (draft) => {
      const scratch = await mkdtemp(join(tmpdir(), 'package-'));
      try {
        const program = await readFile(await makeExecutable(platform, inside, scratch));
        await writeArchive(join(draft, file), [{ name: programOf(platform), content: program, isProgram: true }, ...licences]);
      } finally {
        await rm(scratch, { recursive: true });
      }
    },
    kept,
  );
  return join(folder, file);
}

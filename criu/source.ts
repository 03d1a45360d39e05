import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { debianSource } from '../build/debian-source.ts';

/** The release of CRIU that the patches are made for. */
export const criuVersion = '4.2.1';

const tarball = `criu_${criuVersion}.orig.tar.xz`;
const sha256 = '29ec0ee09e296479fe7048c80980e8ef1d0684d0b0204c2b101dfea19f6725b9';

/** All that our CRIU is made of, as paths; the patches in their order. */
export async function criuSource(): Promise<{ readonly tarball: string; readonly patches: readonly string[] }> {
  const folder = join(import.meta.dirname, 'patches');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.patch')).toSorted();
  return { tarball: await debianSource('criu', tarball, sha256), patches: names.map((name) => join(folder, name)) };
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { version } from '../src/version.ts';
import { nameOf, type Platform } from './platforms.ts';

export interface Archive {
  readonly platform: Platform;
  readonly file: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** krew/migrate.yaml with version and checksums filled in. @throws Error when the template asks for what is not there */
export async function krewManifest(archives: readonly Archive[]): Promise<string> {
  const template = await readFile(join(import.meta.dirname, '..', 'krew/migrate.yaml'), 'utf8');
  const known = new Map(archives.map(({ platform, sha256 }) => [`SHA256_${nameOf(platform)}`, sha256]));
  known.set('VERSION', `v${version}`);
  // Its first line says that it is the template.
  return template.replace(/^#.*\n/, '').replace(/\$\{([\w-]+)\}/g, (_text, name: string) => {
    const value = known.get(name);
    if (value === undefined) throw new Error(`krew/migrate.yaml asks for ${name}, which no archive gives`);
    return value;
  });
}

export function archiveName(platform: Platform): string {
  return `kubectl-migrate-v${version}-${nameOf(platform)}.tar.gz`;
}

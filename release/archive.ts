import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';

export interface ArchiveFile {
  readonly name: string;
  readonly content: Buffer;
  readonly isProgram?: boolean;
}

/** Packs files as a tar.gz whose bytes depend on their names and contents only. */
export async function writeArchive(file: string, files: readonly ArchiveFile[]): Promise<void> {
  const archive = pack();
  const written = pipeline(archive, createGzip({ level: 6 }), createWriteStream(file));
  for (const { name, content, isProgram = false } of files) {
    archive.entry({ name, mode: isProgram ? 0o755 : 0o644, mtime: new Date(0), uid: 0, gid: 0 }, content);
  }
  archive.finalize();
  await written;
}

/** Our licence, and those of Node.js and of every package inside. */
export async function licenceFiles(nodeFolder: string, packages: string): Promise<ArchiveFile[]> {
  const own = await readFile(join(import.meta.dirname, '..', 'LICENSE'));
  const node = await readFile(join(nodeFolder, 'LICENSE'), 'utf8');
  return [
    { name: 'LICENSE', content: own },
    { name: 'THIRD-PARTY-LICENSES', content: Buffer.from(`==== Node.js\n\n${node}\n${packages}`) },
  ];
}

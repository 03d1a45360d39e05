import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { goTools } from '../build/go-tools.ts';
import { must } from '../build/run.ts';
import type { Bundle } from './bundle.ts';
import { makeCodeCaches } from './code-cache.ts';
import { nodeBinary } from './node-binary.ts';
import { nameOf, platforms, type Platform } from './platforms.ts';
import { scriptNames, wrapped } from './scripts.ts';

/** Where Node.js looks whether it is a single executable application (node: src/node_sea.cc). */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/**
 * Makes the plugin's executable for a platform: Node.js with the bundle inside.
 *
 * @param folder for it and what is made on the way; no other platform's
 * @returns the executable's path. @throws Error with the words of the tool that failed
 */
export async function makeExecutable(platform: Platform, { main, scripts }: Bundle, folder: string): Promise<string> {
  const name = nameOf(platform);
  const path = (suffix: string): string => join(folder, `${name}${suffix}`);
  const node = join(await nodeBinary(platform), 'node');
  await writeFile(path('.main.cjs'), main);
  for (const script of scriptNames) await writeFile(join(folder, script), wrapped(scripts[script]));
  const caches = await makeCodeCaches(platform, node, folder);
  // Relative names: that of the main script becomes a part of the blob.
  const settings = {
    main: `${name}.main.cjs`,
    output: `${name}.blob`,
    disableExperimentalSEAWarning: true,
    assets: Object.fromEntries([...scriptNames, ...caches].map((file) => [file, file])),
  };
  await writeFile(path('.json'), JSON.stringify(settings));
  // A blob fits the version of Node.js that made it, whatever its platform.
  await must([join(await nodeBinary(ownPlatform()), 'node'), '--experimental-sea-config', path('.json')], { cwd: folder });
  await copyFile(node, path(''));
  await chmod(path(''), 0o755);
  const postject = join(import.meta.dirname, '../node_modules/postject/dist/cli.js');
  await must([
    process.execPath,
    postject,
    path(''),
    'NODE_SEA_BLOB',
    path('.blob'),
    '--sentinel-fuse',
    fuse,
    '--macho-segment-name',
    'NODE_SEA',
  ]);
  // The injection breaks Node.js's own signature, and macOS on arm64 kills what has none.
  if (platform.os === 'darwin')
    await must(
      [
        join(await goTools(join(import.meta.dirname, 'tools/quill')), 'quill'),
        'sign',
        '--ad-hoc',
        '--identity',
        'kubectl-migrate',
        path(''),
      ],
      { env: { QUILL_LOG_QUIET: 'true' } },
    );
  return path('');
}

/** The platform of this machine. @throws Error when there is none of it */
export function ownPlatform(): Platform {
  const own = platforms.find(({ os, arch }) => os === process.platform && arch === (process.arch === 'x64' ? 'amd64' : process.arch));
  if (!own) throw new Error(`releases are made on Linux or macOS, not on ${process.platform} ${process.arch}`);
  return own;
}

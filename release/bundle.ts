import { build, type BuildOptions, type BuildResult, type Metafile, type Plugin } from 'esbuild';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { version } from '../src/version.ts';
import { libraryScript, programScript, type ScriptName } from './scripts.ts';

const checkout = join(import.meta.dirname, '..');
const library = '@kubernetes/client-node';

/** Leaves the library to a script of its own. */
const libraryApart: Plugin = {
  name: 'library-apart',
  setup: (resolver) => resolver.onResolve({ filter: new RegExp(`^${library}$`) }, () => ({ path: `./${libraryScript}`, external: true })),
};

export interface Bundle {
  /** The executable's first script: it imports next to nothing, so that what needs little starts at once. */
  readonly main: string;
  /** The whole command line, as CommonJS scripts of ASCII only that lie beside each other. */
  readonly scripts: Readonly<Record<ScriptName, string>>;
  /** The npm packages that are inside, with their licences. */
  readonly licences: string;
}

/** Bundles the plugin. The same sources give the same bytes. */
export async function bundle(): Promise<Bundle> {
  const shared = {
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    minify: true,
    charset: 'ascii',
    legalComments: 'none',
    absWorkingDir: checkout,
  } as const;
  const inside = {
    ...shared,
    metafile: true as const,
    // yargs asks for it (createRequire) and would die of the undefined that CommonJS has.
    define: { 'import.meta.url': 'importMetaUrl', 'import.meta.dirname': 'undefined' },
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(process.execPath).href;' },
    // Optional speed-ups and colours of libraries, all of which do without.
    external: ['bufferutil', 'utf-8-validate', 'supports-color'],
    // A script of an executable can `require`, but not import.
    supported: { 'dynamic-import': false },
  } satisfies BuildOptions;
  const [main, program, libraryAlone] = await Promise.all([
    build({ ...shared, entryPoints: [join(checkout, 'release/launcher.ts')], define: { VERSION: JSON.stringify(version) } }),
    build({ ...inside, entryPoints: [join(checkout, 'src/main.ts')], plugins: [libraryApart] }),
    build({ ...inside, stdin: { contents: `export * from '${library}';`, resolveDir: checkout } }),
  ]);
  return {
    main: textOf(main),
    scripts: { [programScript]: textOf(program), [libraryScript]: textOf(libraryAlone) },
    licences: await licencesOf(program.metafile, libraryAlone.metafile),
  };
}

function textOf({ outputFiles }: Pick<BuildResult<{ write: false }>, 'outputFiles'>): string {
  return outputFiles[0]?.text ?? '';
}

/** @throws Error when a package that is inside tells no licence */
async function licencesOf(...metafiles: readonly Metafile[]): Promise<string> {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const folders = inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []);
  const texts = await Promise.all([...new Set(folders)].toSorted().map(async (folder) => licenceOf(join(checkout, folder))));
  return texts.join('\n');
}

async function licenceOf(folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { name: string; version: string; license?: string };
  const file = (await readdir(folder)).find((name) => /^(?:licen[cs]e|copying)/i.test(name));
  if (file === undefined && manifest.license === undefined) throw new Error(`${manifest.name} tells no licence`);
  const text = file === undefined ? `Licence: ${manifest.license}` : await readFile(join(folder, file), 'utf8');
  return `==== ${manifest.name} ${manifest.version}\n\n${text.trim()}\n`;
}

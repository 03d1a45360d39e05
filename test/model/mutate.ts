import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import { build } from 'esbuild';
import type { Way } from './walk.ts';

/** One line, put differently. */
export interface Mutation {
  /** What is wrong with it then. */
  readonly name: string;
  readonly file: string;
  /** Must be in the file, once. */
  readonly line: string;
  readonly becomes: string;
}

/** As `walk`, from the beginning with these containers and so many mishaps at most. */
export type Walk = (names: readonly string[], mishaps: number, way: Way) => void;

const root = fileURLToPath(new URL('../../', import.meta.url));
const entry = `
import { machines } from './test/model/machines.ts';
import { walk } from './test/model/walk.ts';
import { begin } from './test/model/world.ts';
export const walkFrom = (names, mishaps, way) => walk(begin(names, mishaps), way, machines);
`;

/**
 * The model with one line of it, or of the real functions in it, changed.
 *
 * @throws Error when the file has no such line: the mutation would test nothing
 */
export async function mutate({ file, line, becomes }: Mutation): Promise<Walk> {
  const path = `${root}${file}`;
  const parts = readFileSync(path, 'utf8').split(line);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${line}`);
  const contents = parts.join(becomes);
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: root, loader: 'ts' },
    bundle: true,
    format: 'cjs',
    write: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutation',
        setup: (bundle) => bundle.onLoad({ filter: /\.ts$/ }, (one) => (one.path === path ? { contents, loader: 'ts' } : undefined)),
      },
    ],
  });
  const module = { exports: {} as { walkFrom: Walk } };
  runInThisContext(`(module) => {${outputFiles[0]?.text}}`)(module);
  return module.exports.walkFrom;
}

import { build } from 'esbuild';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { helpText } from '../../src/cli/help.ts';
import { runCli } from '../../src/commands/run.ts';

const checkout = join(import.meta.dirname, '../..');

// A person waits for these at the prompt, and no package is as quick to load as nothing.
test.each(['src/main.ts', 'src/commands/run.ts', 'src/cli/completion/complete.ts'])(
  '%s imports no package before it is needed',
  async (file) => {
    const { metafile } = await build({
      entryPoints: [file],
      absWorkingDir: checkout,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      plugins: [
        {
          name: 'only-now',
          setup: (resolver) =>
            resolver.onResolve({ filter: /./ }, ({ kind }) => (kind === 'dynamic-import' ? { external: true } : undefined)),
        },
      ],
    });
    expect(Object.keys(metafile.inputs)).toContain(file);
    expect(Object.keys(metafile.inputs).filter((path) => path.includes('node_modules'))).toEqual([]);
  },
);

test.each(commands.map((command) => [command.name, command] as const))(
  'the help of "%s" is the same however it is asked for',
  async (name, command) => {
    const words = name === '' ? [] : [name];
    for (const asked of [
      [...words, '--help'],
      [...words, '-h'],
      [...words, '--help=true'],
      ['--help', ...words],
      [...words, '-n', 'shop', '-h'],
    ]) {
      expect(await printedBy(asked)).toBe(helpText(command));
    }
  },
);

test('a line without words prints the help', async () => {
  expect(await printedBy([])).toBe(helpText());
});

async function printedBy(words: readonly string[]): Promise<string> {
  const printed: string[] = [];
  const stream = { write: (text: string) => printed.push(text) } as unknown as NodeJS.WriteStream;
  await runCli(words, { out: stream, err: stream });
  return printed.join('');
}

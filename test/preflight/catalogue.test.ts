import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalogue, findingCodes } from '../../src/preflight/catalogue.ts';

const checkout = join(import.meta.dirname, '../..');
const pages = join(checkout, 'docs/findings');
const effects = { blocks: 'Blocks the move.', loses: 'Lost by the move.', changes: 'Changed by the move.' } as const;

/** The codes that the sources name, without the catalogue itself. */
function codesInSources(): Set<string> {
  const files = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && name !== 'preflight/catalogue.ts',
  );
  return new Set(files.flatMap((name) => readFileSync(join(checkout, 'src', name), 'utf8').match(/(?<=')KM-[A-Z-]+(?=')/g) ?? []));
}

test('every code has a page, and every page a code', () => {
  expect(readdirSync(pages).toSorted()).toEqual(findingCodes.map((code) => `${code}.md`).toSorted());
});

test('every code is found by something', () => {
  expect([...codesInSources()].toSorted()).toEqual(findingCodes.toSorted());
});

test.each(findingCodes)('the page of %s has its title, its effect, and says what to do', (code) => {
  const page = readFileSync(join(pages, `${code}.md`), 'utf8');
  const { effect, title } = catalogue[code];
  expect(page.split('\n')[0]).toBe(`# ${code}: ${title}`);
  expect(page).toContain(`\n**${effects[effect]}**`);
  const [meaning = '', remedy = ''] = page.split('\n## What to do\n');
  expect(meaning.length).toBeGreaterThan(100);
  expect(remedy.trim()).not.toBe('');
});

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const checkout = join(import.meta.dirname, '..');
const texts = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(checkout, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...['findings', 'owners'].flatMap((folder) => readdirSync(join(checkout, 'docs', folder)).map((name) => `docs/${folder}/${name}`)),
];

/** The targets of Markdown links, without those that lead elsewhere. Code is no text: it may look like a link. */
function linksIn(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '').filter((target) => !/^[a-z]+:/.test(target));
}

/** As GitHub makes them of headings. */
function anchorsIn(text: string): string[] {
  return [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(texts)('every relative link in %s leads to a file, and to a heading where it names one', (name) => {
  const file = join(checkout, name);
  const dead = linksIn(readFileSync(file, 'utf8')).filter((link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? file : join(dirname(file), path);
    if (!existsSync(target)) return true;
    return anchor !== undefined && !anchorsIn(readFileSync(target, 'utf8')).includes(anchor);
  });
  expect(dead).toEqual([]);
});

test('every text in docs/ is reached from the README or from another text there', () => {
  const reached = texts.flatMap((name) =>
    linksIn(readFileSync(join(checkout, name), 'utf8')).map((link) =>
      relative(checkout, join(checkout, dirname(name), link.split('#')[0] ?? '')),
    ),
  );
  expect(texts.filter((name) => name.startsWith('docs/') && !reached.includes(name))).toEqual([]);
});

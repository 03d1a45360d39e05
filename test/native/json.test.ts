import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../build/run.ts';

const native = join(import.meta.dirname, '../../native');
let folder = '';
let program = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shim-json-'));
  program = join(folder, 'selftest');
  // Any read or write outside of bounds, and anything undefined, ends the program with an error.
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-g', '-O1', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  await must(['gcc', ...flags, '-o', program, join(native, 'json.c'), join(native, 'selftest.c')]);
}, 60_000);

afterAll(async () => rm(folder, { recursive: true, force: true }));

const keys = {
  'io.kubernetes.cri.container-type': 'type',
  'io.kubernetes.cri.sandbox-namespace': 'namespace',
  'io.kubernetes.cri.sandbox-name': 'pod',
  'io.kubernetes.cri.sandbox-uid': 'uid',
  'io.kubernetes.cri.container-name': 'name',
  'io.kubernetes.cri-o.ContainerType': 'crioType',
  'io.kubernetes.pod.namespace': 'crioNamespace',
  'io.kubernetes.pod.name': 'crioPod',
  'io.kubernetes.pod.uid': 'crioUid',
  'io.kubernetes.container.name': 'crioName',
} as const;

/** What the C program has to say of a text, by JavaScript's own reader. */
function expected(text: string): string {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return '-';
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return '-';
  const raw = (document as { annotations?: unknown }).annotations;
  const annotations = (typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? raw : {}) as Record<string, unknown>;
  const field = (key: string, limit: number): string => {
    const value = Object.hasOwn(annotations, key) ? annotations[key] : '';
    if (typeof value !== 'string' || value.includes('\0') || Buffer.byteLength(value) >= limit) return '';
    return value;
  };
  const found = Object.fromEntries(Object.entries(keys).map(([key, name]) => [name, field(key, name === 'type' || name === 'crioType' ? 64 : 254)]));
  const isCrio = found['type'] === '' && found['crioType'] !== '';
  const names = isCrio ? ['crioNamespace', 'crioPod', 'crioUid', 'crioName'] : ['namespace', 'pod', 'uid', 'name'];
  const isContainer = (isCrio ? found['crioType'] : found['type']) === 'container' ? 1 : 0;
  return `${isContainer} ${names.map((name) => `${Buffer.from(found[name] ?? '').toString('hex')} `).join('')}`;
}

async function identify(texts: readonly string[]): Promise<string[]> {
  const input = Buffer.concat(
    texts.flatMap((text) => {
      const body = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(body.length);
      return [length, body];
    }),
  );
  return (await must([program], { input })).split('\n').slice(0, -1);
}

const anyText = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('container', 'sandbox', 'web-0', 'demo', '', '\0', 'ü"\\\n', 'x'.repeat(300)));
const annotation = fc.tuple(fc.oneof(fc.constantFrom(...Object.keys(keys)), anyText), fc.oneof({ weight: 5, arbitrary: anyText }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) }));
const config = fc
  .tuple(fc.array(annotation, { maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), fc.boolean())
  // Written by hand, so that names can come twice.
  .map(([annotations, other, isTwice]) => {
    const members = annotations.map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`).join(',\n ');
    return `{"ociVersion": "1.2.0", "x": ${JSON.stringify(other)}, "annotations": {${members}}${isTwice ? ', "annotations": {}' : ''}, "y": [1, -2.5e3, true, null]}`;
  })
  .filter((text) => text.isWellFormed() && !/\\ud[89a-f]/i.test(text));

test('reads 5,000 configurations as JavaScript does, with every kind of string in them', async () => {
  const texts = fc.sample(config, { numRuns: 5_000, seed: 1 });
  expect(await identify(texts)).toEqual(texts.map(expected));
});

test('takes nothing for JSON that JavaScript does not: cut off, garbled, or with something behind it', async () => {
  const broken = fc.tuple(config, fc.nat(), fc.nat(), fc.constantFrom('', ',', '}', '"', '\\', '{', '0', ' ', 'e')).map(([text, cut, at, put]) => {
    const position = at % (text.length + 1);
    const changed = `${text.slice(0, position)}${put}${text.slice(position + (cut % 3))}`;
    return cut % 5 === 0 ? changed.slice(0, cut % (text.length + 1)) : changed;
  });
  const texts = fc.sample(broken, { numRuns: 5_000, seed: 2 }).filter((text) => text.isWellFormed() && !/\\u/i.test(text));
  const answers = await identify(texts);
  const wrong = texts.filter((text, index) => answers[index] !== expected(text));
  expect(wrong).toEqual([]);
  expect(answers.filter((answer) => answer === '-').length).toBeGreaterThan(1_000);
});

test('escapes, surrogate pairs and deep nesting are no trap', async () => {
  const texts = [
    '{"annotations":{"io.kubernetes.cri.container-type":"c\\u006fntainer","io.kubernetes.cri.sandbox-name":"\\ud83d\\ude00\\/\\t"}}',
    `{"a":${'['.repeat(150)}${']'.repeat(150)},"annotations":{"io.kubernetes.cri.container-type":"container"}}`,
    '{"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-name":"a\\u0000b"}}',
  ];
  expect(await identify(texts)).toEqual(texts.map(expected));
  // Deeper than anything real: refused, and the stack is safe.
  expect(await identify([`{"a":${'['.repeat(100_000)}`])).toEqual(['-']);
});

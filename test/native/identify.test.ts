import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { strictFlags } from './strict.ts';

const native = join(import.meta.dirname, '../../native');
let folder = '';
let program = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wrapper-identify-'));
  program = join(folder, 'selftest');
  await must(['gcc', ...strictFlags, '-o', program, join(native, 'identify.c'), join(native, 'selftest.c')]);
}, 60_000);

afterAll(async () => rm(folder, { recursive: true, force: true }));

/** What each client writes, and where the program puts it. */
const keys = {
  'containerd': {
    'io.kubernetes.cri.container-type': 'type',
    'io.kubernetes.cri.sandbox-namespace': 'namespace',
    'io.kubernetes.cri.sandbox-name': 'pod',
    'io.kubernetes.cri.sandbox-uid': 'uid',
    'io.kubernetes.cri.container-name': 'name',
  },
  'cri-o': {
    'io.kubernetes.cri-o.ContainerType': 'type',
    'io.kubernetes.pod.namespace': 'namespace',
    'io.kubernetes.pod.name': 'pod',
    'io.kubernetes.pod.uid': 'uid',
    'io.kubernetes.container.name': 'name',
  },
} as const;
const clients = ['containerd', 'cri-o'] as const;
type Client = (typeof clients)[number];

/**
 * What the C program has to say of a configuration, by JavaScript's own reader. No name of Kubernetes holds anything that
 * an encoder escapes, or is as long as the room for it; with one that does, the file must not be taken for anybody's. What
 * the other client would have written is a user's.
 */
function expected(text: string, client: Client): string {
  const { annotations } = JSON.parse(text) as { annotations?: unknown };
  const given = (typeof annotations === 'object' && annotations !== null && !Array.isArray(annotations) ? annotations : {}) as Record<
    string,
    unknown
  >;
  const found: Record<string, string> = {};
  for (const [key, name] of Object.entries(keys[client])) {
    const value = Object.hasOwn(given, key) ? given[key] : '';
    found[name] = typeof value === 'string' ? value : '';
    if (JSON.stringify(found[name]).includes('\\') || Buffer.byteLength(found[name]) >= (name === 'type' ? 64 : 254)) return '-';
  }
  const names = ['namespace', 'pod', 'uid', 'name'].map((name) => `${Buffer.from(found[name] ?? '').toString('hex')} `);
  return `${found['type'] === 'container' ? 1 : 0} ${names.join('')}`;
}

async function identify(texts: readonly string[], client: Client = 'containerd'): Promise<string[]> {
  const input = Buffer.concat(
    texts.flatMap((text) => {
      const body = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(body.length);
      return [length, body];
    }),
  );
  return (await must([program, ...(client === 'cri-o' ? [client] : [])], { input })).split('\n').slice(0, -1);
}

const hostile = [
  '"',
  '\\',
  '\\"',
  '":"',
  '{',
  '}}',
  '[',
  ']',
  '","annotations":{"io.kubernetes.cri.sandbox-name":"web-0"},"',
  'io.kubernetes.cri.sandbox-name',
  'annotations',
  'x'.repeat(300),
  '\0',
  'ü\n',
  '\u2028',
];
const anyText = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('container', 'sandbox', 'web-0', 'demo', '', ...hostile));
const name = fc.constantFrom('container', 'sandbox', 'web-0', 'demo', 'main', '1234-abcd', '');
const wanted = fc.tuple(
  fc.constantFrom(...clients.flatMap((client) => Object.keys(keys[client]))),
  fc.oneof({ weight: 20, arbitrary: name }, { weight: 1, arbitrary: anyText }),
);
const other = fc.tuple(anyText, fc.oneof({ weight: 5, arbitrary: anyText }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) }));
const annotations = fc
  .uniqueArray(fc.oneof(wanted, other), { maxLength: 12, selector: ([key]) => key })
  .chain((members) =>
    fc
      .constantFrom({}, { 'io.kubernetes.cri.container-type': 'container' }, { 'io.kubernetes.cri-o.ContainerType': 'container' })
      .map((type) => ({ ...type, ...Object.fromEntries(members) })),
  );
/** What a pod's user has a hand in lies before and behind, with annotations of its own somewhere below. */
const document = fc.record(
  {
    process: fc.jsonValue({ maxDepth: 3 }),
    decoy: fc.record({ annotations }),
    list: fc.array(fc.record({ annotations })),
    annotations,
    linux: fc.dictionary(anyText, fc.jsonValue({ maxDepth: 2 })),
  },
  { requiredKeys: [] },
);
const config = fc
  .tuple(document, fc.constantFrom(undefined, 1, '\t'))
  .map(([value, indent]) => JSON.stringify(value, null, indent))
  .filter((text) => text.isWellFormed());

test.each(clients)('reads 5,000 configurations of %s as JavaScript does, whatever their users have put into them', async (client) => {
  const texts = fc.sample(config, { numRuns: 5_000, seed: 1 });
  const answers = await identify(texts, client);
  const wrong = texts.filter((text, index) => answers[index] !== expected(text, client));
  expect(wrong).toEqual([]);
  expect(answers.filter((answer) => answer.startsWith('1 ')).length).toBeGreaterThan(500);
});

test("takes a configuration that is cut off for nobody's", async () => {
  const cut = fc
    .tuple(config, fc.nat())
    .map(([text, at]) => text.slice(0, at % text.length))
    .filter((text) => text.isWellFormed());
  const texts = fc.sample(cut, { numRuns: 5_000, seed: 2 });
  expect(new Set(await identify(texts))).toEqual(new Set(['-']));
});

test('stays within its bounds with anything at all', async () => {
  const garbled = fc
    .tuple(config, fc.nat(), fc.nat(), fc.constantFrom('', ',', '}', '"', '\\', '{', '0', ' ', ':', '\0'))
    .map(([text, cut, at, put]) => {
      const position = at % (text.length + 1);
      return `${text.slice(0, position)}${put}${text.slice(position + (cut % 3))}`;
    });
  const texts = fc.sample(garbled, { numRuns: 5_000, seed: 3 });
  expect(await identify([...texts, '', '"', '\\', '{"', '{"\\', `{"a":${'['.repeat(100_000)}`])).toHaveLength(texts.length + 6);
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tellFact } from '../../../src/agent/target/node-fact.ts';
import type { TargetFact } from '../../../src/protocol/settle.ts';

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'fact-'))));
afterEach(() => rmSync(folder, { recursive: true }));

async function told(facts: TargetFact[], isKnown: boolean): Promise<unknown> {
  const calls = { 'target.state': async () => ({ state: facts.shift() ?? 'silent' }) };
  await tellFact('m', { calls, state: () => '', abandon: async () => undefined }, isKnown, join(folder, 'log'));
  return JSON.parse(readFileSync(join(folder, 'log'), 'utf8'));
}

test('waits until the keepers have decided, and leaves a message that tells it', async () => {
  const facts: TargetFact[] = ['silent', 'never'];
  expect(await told(facts, true)).toEqual({ state: 'never' });
  expect(facts).toEqual([]);
});

test('a node without anything of the migration gives no word that it never ran', async () => {
  expect(await told(['never'], false)).toEqual({ state: 'silent' });
});

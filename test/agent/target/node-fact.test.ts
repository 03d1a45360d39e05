import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tellFact } from '../../../src/agent/target/node-fact.ts';
import type { TargetFact } from '../../../src/protocol/settle.ts';

test('waits until the keepers have decided, and leaves a message that tells it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fact-'));
  const facts: TargetFact[] = ['silent', 'never'];
  const calls = { 'target.state': async () => ({ state: facts.shift() ?? 'silent' }) };
  try {
    await tellFact({ calls, state: () => '', abandon: async () => undefined }, join(folder, 'log'));
    expect(JSON.parse(readFileSync(join(folder, 'log'), 'utf8'))).toEqual({ state: 'never', uptimeSeconds: expect.any(Number) as number });
    expect(facts).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

import { expect, test } from 'vitest';
import { limitWords } from '../../../src/agent/target/limits.ts';

test.each([
  ['no resources', undefined, []],
  ['no limits', { cpu: { shares: 2 } }, []],
  ['limits that are none, as CRI-O and containerd write them', { cpu: { quota: -1, period: 100_000 }, pids: { limit: -1 } }, []],
  ['no limit of processes', { pids: { limit: 0 } }, []],
  ['a quota', { cpu: { quota: 10_000, period: 50_000 } }, ['--cpu-period', '50000', '--cpu-quota', '10000']],
  ['a quota of the usual period', { cpu: { quota: 10_000 } }, ['--cpu-period', '100000', '--cpu-quota', '10000']],
  ['both', { cpu: { quota: 1000 }, pids: { limit: 5 } }, ['--cpu-period', '100000', '--cpu-quota', '1000', '--pids-limit', '5']],
])('the runtime sets again what it would have set: %s', (_what, resources, words) => {
  expect(limitWords(resources)).toEqual(words);
});

import { describe, expect, test } from 'vitest';
import { thresholdBytes, thresholdIn } from '../../src/agent/node/room.ts';

describe("a kubelet's thresholds are found", () => {
  const cases: readonly [string, string, string | undefined][] = [
    ['in YAML', 'evictionHard:\n  memory.available: 200Mi\n  nodefs.available: "5%"\n', '5%'],
    ['in JSON', '{"evictionHard":{"imagefs.available":"2%","nodefs.available":"1%"}}', '1%'],
    ['in a flag', 'kubelet\0--eviction-hard=memory.available<1Gi,nodefs.available<20Gi\0', '20Gi'],
    ['not where nothing is said', 'kind: KubeletConfiguration\n', undefined],
    ['not of another signal', 'nodefs.inodesFree: 5%\nnodefsXavailable: 5%\n', undefined],
  ];
  test.each(cases)('%s', (_what, text, amount) => expect(thresholdIn(text, 'nodefs.available')).toBe(amount));
});

test.each([
  ['10%', 25],
  ['100Mi', 100 * 2 ** 20],
  ['1Gi', 2 ** 30],
  ['5M', 5e6],
  ['4096', 4096],
])('%s of 250 bytes are %d', (amount, bytes) => expect(thresholdBytes(amount, 250)).toBe(bytes));

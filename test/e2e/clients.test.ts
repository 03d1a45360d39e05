import { afterAll, expect, test } from 'vitest';
import { nodeNamed } from '../../bed/layout.ts';
import { moveUnderLoad, troublesIn } from '../load/move.ts';
import { ofOtherNode } from '../load/places.ts';
import { leftoversInTheEnd } from './cluster.ts';
import { onNode } from './faults.ts';

const otherNode = await ofOtherNode();
afterAll(otherNode.remove);
const home = nodeNamed('home-1');

const relays = async (): Promise<number> => Number(await onNode(home, 'pgrep -c -f "kubectl-migrate[/]relay" || [ $? = 1 ]'));

test('no client hangs while a pod with a Service moves, wherever it asks from', async () => {
  const moved = await moveUnderLoad('asked', otherNode);
  expect(troublesIn(moved)).toEqual([]);
  // The kept ones of each place, at the least; those from other nodes come by their address.
  expect(moved.report.findings).toContainEqual(
    expect.objectContaining({ code: 'KM-CONNECTIONS', text: expect.stringContaining('just now: ') }),
  );
  expect(moved.report.notes).toEqual([expect.stringMatching(/^connections to the outside that were reset: \d+ with [0-9.]+/)]);
  expect(await relays()).toBe(0);
  expect(await leftoversInTheEnd()).toEqual([]);
});

import { expect } from 'vitest';
import { getPod, logs, type followLogs } from './cluster.ts';
import { breaksIn, stepsIn } from './steps.ts';
import { expectOneCopy, type Ticks } from './ticks.ts';

/**
 * The pod runs at the peer with its memory, and has been one copy all the time.
 *
 * @param old its log from before the move, followed since then
 */
export async function expectMoved(name: string, old: Awaited<ReturnType<typeof followLogs>>, ticks: Ticks): Promise<void> {
  expect((await getPod('home', name)).spec.nodeName).toBe('away');
  await old.end;
  await expectOneCopy(ticks, name, { sides: ['home', 'away'] });
  const [before, after] = [stepsIn(old.text()), stepsIn(await logs('home', name))];
  expect([breaksIn(before), breaksIn(after), breaksIn([...before, ...after])]).toEqual([[], [], []]);
}

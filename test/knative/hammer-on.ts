import { onTestFinished } from 'vitest';
import type { Load } from '../../bed/client/crowd.ts';
import { startHammer, type Hammering } from '../../bed/client/start.ts';
import type { BedNode } from '../../bed/layout.ts';

/** Clients who end with the test at the latest. */
export async function hammerOn(load: Load, node?: BedNode): Promise<Hammering> {
  const hammering = await startHammer(load, node);
  onTestFinished(async () => void (await hammering.stop()));
  return hammering;
}

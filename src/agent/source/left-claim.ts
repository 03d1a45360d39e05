import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { finding, type Finding, type Subject } from '../../preflight/finding.ts';
import { stagingDir, uninstall } from '../node/install.ts';
import type { Claim } from './claim.ts';
import { lowerFence } from './fence.ts';
import { endFreeze } from './guard.ts';

/** A guard whose agent is dead ends by itself. */
const guardMs = 10_000;

/**
 * Lets a pod run again whose agent has died without a decision, and takes away what is left of that migration here.
 *
 * @throws Error when something of the pod still stands
 */
export async function releaseClaim(dead: Claim): Promise<void> {
  const { migration } = dead.holder;
  if ((await endFreeze(dead, stagingDir(migration))) === 'committed') throw new Error(`migration ${migration} has just committed`);
  for (const deadline = performance.now() + scaled(guardMs); dead.isGuarded; await delay(50)) {
    if (performance.now() > deadline) throw new Error(`the source guard of migration ${migration} is still at work`);
  }
  await lowerFence(dead.pod);
  await uninstall(migration);
}

/** Why a pod cannot be moved that another migration has its claim on. @param pod its name */
export function claimFinding(claim: Claim, pod: string): Finding {
  const { decision, holder } = claim;
  const { migration, to, since } = holder;
  const on: Subject = { kind: 'pod', name: pod };
  const where = to === '' ? '' : ` to ${to}`;
  if (decision === 'committed') {
    const runs = claim.read('running') === undefined ? 'it may run at the peer' : 'it was let run at the peer';
    const remedy = `never thaw it: ${runs}; that migration told how to finish by hand`;
    return finding('KM-COMMITTED', on, `migration ${migration} has handed the pod over${where} for good`, remedy);
  }
  const remedy = 'wait until it is over; the same command again goes on with what a dead one left';
  return finding('KM-CLAIMED', on, `migration ${migration} has been moving the pod${where} since ${since}`, remedy);
}

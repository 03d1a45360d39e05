import type { Pod } from '../kube/types.ts';
import type { Peer } from '../liqo/peer.ts';
import type { FreezeBudget } from '../preflight/budget.ts';
import { carriedText, type Parts } from '../preflight/carried.ts';
import type { Finding } from '../preflight/finding.ts';
import { quiesceText, type Quiescing } from '../quiesce/quiescing.ts';
import type { PlanReport } from './contract.ts';

/** What a migration is about; the same for whoever goes on with it. The writes of its steps are made of this. */
export interface Move extends Parts {
  readonly id: string;
  /** As it was read before anything was touched. */
  readonly pod: Pod;
  /** Left out for a pod that is on no node, and when nobody knows any more on which it was. */
  readonly sourceNode?: string;
  readonly peer: Peer;
  readonly twinNamespace: string;
  readonly agentImage: string;
  /** UIDs of its owner's other pods, where that may make another one beside them: what comes later is too many. */
  readonly siblings?: readonly string[];
  /** The user's wish for a pod that has an owner: see `newObject`. */
  readonly toleratesOutages?: boolean;
  /** How its requests are kept away and waited for before the freeze, when that was asked for. */
  readonly quiesce?: Quiescing;
}

/** A migration thought through, with nothing touched yet. Plain JSON, and the only copy of what was read: what is printed is done. */
export interface Plan extends Move {
  /** The user's word on how long the pod may stand still. */
  readonly maxFreezeMs?: number;
  /** How long it may, as of now. */
  readonly budget: FreezeBudget;
  readonly findings: readonly Finding[];
}

/** A plan with nothing in the way of it. */
export type UnblockedPlan = Plan & { readonly sourceNode: string };

/** What of a plan is printed. */
export function planReport({ pod, sourceNode, peer, twinNamespace, budget, carries, quiesce, findings }: Plan): PlanReport {
  return {
    pod: pod.metadata.name,
    namespace: pod.metadata.namespace ?? '',
    from: sourceNode ?? '',
    to: peer.virtualNode,
    twinNamespace,
    containers: pod.spec.containers.map(({ name }) => name),
    budget,
    carries: carries.map(carriedText),
    ...(quiesce ? { quiesces: quiesceText(quiesce) } : {}),
    findings,
  };
}

/** For messages: `node home-1`. */
export function sourceText({ sourceNode }: Pick<Move, 'sourceNode'>): string {
  return sourceNode === undefined ? 'a node that nobody knows any more' : `node ${sourceNode}`;
}

import { createHash } from 'node:crypto';
import type { Pod } from '../kube/types.ts';
import type { Move } from './plan.ts';

/** What the source's agent keeps for whoever finishes a migration in the place of the command that began it. */
export interface MoveRecord {
  readonly version: 1;
  /** The pod's object as it was read, before anything was touched. */
  readonly pod: Pod;
  /** The peer's virtual node. */
  readonly to: string;
  readonly siblings?: readonly string[];
  readonly toleratesOutages?: boolean;
}

export function recordOf({ pod, peer, siblings, toleratesOutages }: Move): MoveRecord {
  return { version: 1, pod, to: peer.virtualNode, ...(siblings ? { siblings } : {}), ...(toleratesOutages ? { toleratesOutages } : {}) };
}

/** By which a record is known again. */
export function markOf(record: unknown): string {
  return createHash('sha256').update(JSON.stringify(record)).digest('hex');
}

/**
 * The record as it came back from a node, if it is the one that was given to it.
 *
 * @param mark of the record, as the API server at home has it (the source helper's annotation)
 * @param asked the pod that is asked about: what is told of another one is not what a person wants to have moved
 * @throws Error when the node has changed it, or has none
 */
export function checkedRecord(value: unknown, mark: string | undefined, { metadata: asked }: Pod): MoveRecord {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Partial<MoveRecord>;
  const { version, pod, to } = record;
  if (version !== 1 || pod === undefined || typeof to !== 'string') throw new Error('its source node keeps no record of it');
  if (markOf(value) !== mark) throw new Error('the record that its source node keeps is not the one that it was given');
  const { name, namespace, uid } = pod.metadata;
  if (name !== asked.name || namespace !== asked.namespace || uid !== asked.uid)
    throw new Error('the record that its source node keeps is of another pod');
  return record as MoveRecord;
}

import type { Peer } from '../liqo/peer.ts';
import { finding, type Finding } from './finding.ts';

/** @param missing e.g. `configmap settings`, at least one */
export function lacking(peer: Peer, twinNamespace: string, missing: readonly string[]): Finding {
  const text = `namespace ${twinNamespace} of ${peer.virtualNode} lacks ${missing.join(', ')}`;
  return finding('KM-MISSING-REFERENCE', { kind: 'namespace', name: twinNamespace }, text);
}

import type { Peer } from '../../src/liqo/peer.ts';

/** A peer as the plan finds it. */
export function peerOf(extra: Partial<Peer> = {}): Peer {
  return {
    virtualNode: 'away',
    clusterId: 'away-id',
    homeClusterId: 'home-id',
    tenantNamespace: 'liqo-tenant-away',
    kubeconfigSecret: 'kubeconfig-away',
    offloadingPatch: {},
    taints: [],
    apiServerSupport: 'TokenAPI',
    homeApiServer: undefined,
    homeApiServerAddress: undefined,
    ...extra,
  };
}

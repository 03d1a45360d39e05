import { join } from 'node:path';

/**
 * Everything that the bed makes on this machine carries this prefix or lies in this folder, and nothing else does. With others,
 * a second bed stands beside the first: each has networks of its own.
 */
export const prefix = process.env['KUBECTL_MIGRATE_BED_PREFIX'] ?? 'kmbed';
export const stateDir = process.env['KUBECTL_MIGRATE_BED'] ?? '/var/lib/kubectl-migrate-bed';

export type ClusterName = 'home' | 'away';

export interface Cluster {
  readonly name: ClusterName;
  /** Address of the API server: its first node's. */
  readonly address: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The API server's own service address, the first of that range. */
  readonly serviceAddress: string;
}

export interface BedNode {
  readonly name: string;
  readonly cluster: ClusterName;
  readonly address: string;
  readonly podCidr: string;
  readonly isControlPlane: boolean;
  /** How far its monotonic clock is ahead of the machine's, seconds: real machines differ by their uptimes. */
  readonly clockOffset: number;
  /** Where containerd is told that its runtime is, as on nodes of k3s and others; without it containerd looks for runc itself. */
  readonly runtime?: string;
}

export const bridgeAddress = '10.77.0.1';

export const clusters: readonly Cluster[] = [
  { name: 'home', address: '10.77.0.11', podCidr: '10.101.0.0/16', serviceCidr: '10.111.0.0/16', serviceAddress: '10.111.0.1' },
  { name: 'away', address: '10.77.0.21', podCidr: '10.102.0.0/16', serviceCidr: '10.112.0.0/16', serviceAddress: '10.112.0.1' },
];

export const nodes: readonly BedNode[] = [
  { name: 'home-1', cluster: 'home', address: '10.77.0.11', podCidr: '10.101.1.0/24', isControlPlane: true, clockOffset: 0 },
  { name: 'away-1', cluster: 'away', address: '10.77.0.21', podCidr: '10.102.1.0/24', isControlPlane: true, clockOffset: 0 },
  {
    name: 'away-2',
    cluster: 'away',
    address: '10.77.0.22',
    podCidr: '10.102.2.0/24',
    isControlPlane: false,
    clockOffset: 500_000,
    runtime: '/opt/runtime/bin/runc-of-this-node',
  },
];

/** Namespace of the offloaded workloads; it has the same name in both clusters. */
export const workloadNamespace = 'demo';

export function clusterOf(node: BedNode): Cluster {
  const found = clusters.find(({ name }) => name === node.cluster);
  if (!found) throw new Error(`no cluster ${node.cluster}`);
  return found;
}

/** @throws Error listing the nodes when there is none of that name */
export function nodeNamed(name: string): BedNode {
  const found = nodes.find((node) => node.name === name);
  if (!found) throw new Error(`no node ${name}: there are ${nodes.map((node) => node.name).join(', ')}`);
  return found;
}

/** The network namespace of a node, or (without one) that of the bridge, from which everything can be reached. */
export function networkOf(node?: BedNode): string {
  return `${prefix}-${node?.name ?? 'bridge'}`;
}

export const kubeconfigFile = join(stateDir, 'kubeconfig');
export const binDir = join(stateDir, 'bin');
export const pkiDir = (cluster: ClusterName): string => join(stateDir, 'pki', cluster);
export const nodeDir = (node: BedNode): string => join(stateDir, 'nodes', node.name);

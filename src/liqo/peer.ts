import { didYouMean } from '../did-you-mean.ts';
import { MigrateError } from '../errors.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject, Secret } from '../kube/types.ts';
import { finding } from '../preflight/finding.ts';
import { refusalBy } from '../preflight/refusal.ts';
import { requireReady, virtualNodes, type Node, type OffloadingPatch, type Taint, type VirtualNode } from './virtual-nodes.ts';

/** How Liqo's virtual kubelet lets offloaded pods speak to the API server of their home. */
export type ApiServerSupport = 'TokenAPI' | 'Disabled';

/** A peered cluster, as the home cluster knows it through one virtual node. */
export interface Peer {
  readonly virtualNode: string;
  readonly clusterId: string;
  readonly homeClusterId: string;
  readonly tenantNamespace: string;
  readonly kubeconfigSecret: string;
  readonly offloadingPatch: OffloadingPatch;
  /** Of the virtual node. */
  readonly taints: readonly Taint[];
  readonly apiServerSupport: ApiServerSupport;
  /** Overrides of `kubernetes.default` and its port in offloaded pods. */
  readonly homeApiServer: { readonly host: string; readonly port: string } | undefined;
  /** The address by which the peer's pods reach the home API server; undefined without Liqo's network fabric. */
  readonly homeApiServerAddress: string | undefined;
}

/**
 * Finds the peer that a user calls by its virtual node's name or by its cluster ID.
 *
 * @throws MigrateError (usage) when there is none of that name, (refused) when Liqo is not there or the node not ready
 */
export async function findPeer(connection: KubeConnection, name: string, signal: AbortSignal): Promise<Peer> {
  const all = await virtualNodes(connection, signal);
  const found = all.filter((node) => node.metadata.name === name);
  const candidates = found.length > 0 ? found : all.filter((node) => node.spec.clusterID === name);
  const [node] = candidates;
  if (!node) {
    const names = all.map((one) => one.metadata.name);
    const meant = didYouMean(name, [...names, ...all.map(({ spec }) => spec.clusterID)]);
    const known = `${meant === undefined ? 't' : `Did you mean ${meant}? T`}here are: ${names.join(', ')}`;
    const hint = all.length === 0 ? `cluster ${connection.name} has no Liqo peers: liqoctl peer` : known;
    throw new MigrateError('usage', `error: no peered cluster "${name}" in cluster ${connection.name}`, { hint });
  }
  if (candidates.length > 1) {
    const hint = `name one of its virtual nodes: ${candidates.map((one) => one.metadata.name).join(', ')}`;
    throw new MigrateError('usage', `error: cluster "${name}" has ${candidates.length} virtual nodes`, { hint });
  }
  const seen = await connection.get<Node>(`/api/v1/nodes/${node.metadata.name}`, signal);
  requireReady(connection, seen);
  return Object.freeze({ ...(await describe(connection, node, signal)), taints: seen.spec?.taints ?? [] });
}

async function describe(connection: KubeConnection, node: VirtualNode, signal: AbortSignal): Promise<Omit<Peer, 'taints'>> {
  const { name, namespace: tenantNamespace } = node.metadata;
  const on = { kind: 'node', name } as const;
  const args = node.spec.template?.spec?.template?.spec?.containers?.[0]?.args ?? [];
  const argument = (flag: string): string | undefined => args.find((one) => one.startsWith(`--${flag}=`))?.slice(flag.length + 3);
  const homeClusterId = argument('home-cluster-id');
  const kubeconfigSecret = node.spec.kubeconfigSecretRef?.name;
  if (tenantNamespace === undefined || kubeconfigSecret === undefined)
    throw refusalBy(finding('KM-PEER-CREDENTIAL', on, `virtual node ${name} names no Secret with a kubeconfig for its cluster`));
  if (homeClusterId === undefined)
    throw refusalBy(finding('KM-PEER-NOT-READY', on, `virtual node ${name} does not tell the ID of cluster ${connection.name}`));
  const host = argument('home-api-server-host');
  const port = argument('home-api-server-port');
  return {
    virtualNode: name,
    clusterId: node.spec.clusterID,
    homeClusterId,
    tenantNamespace,
    kubeconfigSecret,
    offloadingPatch: node.spec.offloadingPatch ?? {},
    // Kubernetes 1.24 and newer give tokens on request; the virtual kubelet's Legacy mode is for older ones.
    apiServerSupport:
      args.includes('--enable-apiserver-support') || argument('enable-apiserver-support') === 'true' ? 'TokenAPI' : 'Disabled',
    homeApiServer: host && port ? { host, port } : undefined,
    homeApiServerAddress: await homeApiServerAddress(connection, signal),
  };
}

/** Liqo's remapped address of the home API server (its IPAM object `api-server`); absent without the network fabric. */
async function homeApiServerAddress(connection: KubeConnection, signal: AbortSignal): Promise<string | undefined> {
  try {
    const address = await connection.get<KubeObject & { status?: { ip?: string } }>(
      '/apis/ipam.liqo.io/v1alpha1/namespaces/liqo/ips/api-server',
      signal,
    );
    return address.status?.ip;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * The kubeconfig with which the virtual kubelet speaks to the peer, out of the Secret that the peering made. It is a
 * credential: never log it.
 */
export async function peerKubeconfig(connection: KubeConnection, peer: Peer, signal: AbortSignal): Promise<string> {
  const secret = await connection.get<Secret>(`/api/v1/namespaces/${peer.tenantNamespace}/secrets/${peer.kubeconfigSecret}`, signal);
  const data = secret.data?.['kubeconfig'];
  if (data === undefined) {
    const text = `secret ${peer.tenantNamespace}/${peer.kubeconfigSecret} holds no kubeconfig`;
    throw refusalBy(finding('KM-PEER-CREDENTIAL', { kind: 'namespace', name: peer.tenantNamespace }, text));
  }
  return Buffer.from(data, 'base64').toString('utf8');
}

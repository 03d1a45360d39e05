import type { Fields } from '../../kube/kubeconfig.ts';
import type { KubeObject, Pod } from '../../kube/types.ts';
import { remoteClusterLabel, schedulingLabel } from '../../liqo/names.ts';
import { whyNotReady, type Node } from '../../liqo/virtual-nodes.ts';
import { blockersAmong } from '../../preflight/finding.ts';
import { podFindings } from '../../preflight/pod.ts';

/** `home-1, 2/2 ready`, and why it cannot be moved if its object tells that already. */
export function aboutPod(pod: Pod): string {
  const ready = (pod.status?.containerStatuses ?? []).filter((status) => status.ready).length;
  const [block, ...more] = blockersAmong(podFindings(pod));
  return [
    `${pod.spec.nodeName ?? 'on no node'}, ${ready}/${pod.spec.containers.length} ready`,
    block && `cannot move: ${block.text}${more.length > 0 ? `, and ${more.length} more` : ''}`,
  ]
    .filter(Boolean)
    .join('; ');
}

/** What keeps pods, as far as it tells how many it has. */
export interface Workload extends KubeObject {
  /** A Job calls it `active`. */
  readonly status?: { readonly replicas?: number; readonly active?: number };
}

/** `pods: 3`. */
export function aboutWorkload({ status }: Workload): string {
  return `pods: ${status?.replicas ?? status?.active ?? 0}`;
}

/** `cluster milan-1, ready`. */
export function aboutPeer(node: Node): string {
  return `cluster ${node.metadata.labels?.[remoteClusterLabel]}, ${whyNotReady(node) === undefined ? 'ready' : 'not ready'}`;
}

export function aboutNamespace({ metadata }: KubeObject): string {
  return metadata.labels?.[schedulingLabel] === 'true' ? 'offloaded' : '';
}

/** The server of a kubeconfig's cluster; cluster and namespace of a context: `milan-admin, namespace shop`. */
export function aboutEntry({ server, cluster, namespace }: Fields): string {
  const texts = [server, cluster, typeof namespace === 'string' ? `namespace ${namespace}` : ''];
  return texts.filter((text) => typeof text === 'string' && text !== '').join(', ');
}

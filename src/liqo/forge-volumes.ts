import { createHash } from 'node:crypto';
import type { ProjectedSource, Volume } from '../kube/types.ts';
import type { Peer } from './peer.ts';

/** The Secret at the peer with the tokens of a pod (Liqo: forge.ServiceAccountSecretName). */
export function tokenSecretName(pod: string): string {
  return `${pod}-token`;
}

/** The key of one token in it (Liqo: forge.ServiceAccountTokenKey). */
export function tokenKey(volume: string, path: string): string {
  return `${volume}-${createHash('sha256').update(path).digest('hex').slice(0, 6)}`;
}

/** Projected volumes take tokens from a Secret and the cluster's CA from a renamed ConfigMap (forge.RemoteVolumes). */
export function forgeVolumes(volumes: readonly Volume[], pod: string, peer: Peer, support: 'TokenAPI' | 'Disabled' | 'Remote'): Volume[] {
  if (support === 'Remote') return [...volumes];
  return volumes.map((volume) => {
    if (!volume.projected) return volume;
    const sources = (volume.projected.sources ?? []).flatMap((source) => forgeSource(source, volume.name, pod, peer, support));
    return { ...volume, projected: { ...volume.projected, sources } };
  });
}

function forgeSource(
  source: ProjectedSource,
  volume: string,
  pod: string,
  peer: Peer,
  support: 'TokenAPI' | 'Disabled',
): ProjectedSource[] {
  const { serviceAccountToken, ...others } = source;
  if (source.configMap) return [{ ...source, configMap: { ...source.configMap, name: configMapName(source.configMap.name ?? '', peer) } }];
  if (!serviceAccountToken) return [source];
  if (support === 'Disabled') return [];
  const { path } = serviceAccountToken;
  return [{ ...others, secret: { name: tokenSecretName(pod), items: [{ key: tokenKey(volume, path), path }] } }];
}

/** `kube-root-ca.crt` exists in every namespace of every cluster, so Liqo gives home's another name at the peer. */
function configMapName(name: string, peer: Peer): string {
  return name === 'kube-root-ca.crt' ? `${name}.${peer.homeClusterId.slice(0, 5)}` : name;
}

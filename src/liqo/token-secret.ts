import type { KubeConnection } from '../kube/connection.ts';
import type { KubeObject, Pod, Secret } from '../kube/types.ts';
import { tokenKey, tokenSecretName } from './forge-volumes.ts';
import { destinationLabel, managedByLabel, managedByValue, migrationLabel, originLabel } from './names.ts';
import type { Peer } from './peer.ts';

interface TokenRequest extends KubeObject {
  status: { token: string; expirationTimestamp: string };
}

/** A service account token that a pod mounts. */
export interface Token {
  readonly key: string;
  readonly path: string;
  readonly audience?: string;
  readonly seconds: number;
}

/** The service account tokens that a pod mounts. */
export function projectedTokens(pod: Pod): Token[] {
  return (pod.spec.volumes ?? []).flatMap((volume) =>
    (volume.projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) =>
      token
        ? [
            {
              key: tokenKey(volume.name, token.path),
              path: token.path,
              ...(token.audience === undefined ? {} : { audience: token.audience }),
              seconds: token.expirationSeconds ?? 3600,
            },
          ]
        : [],
    ),
  );
}

/**
 * Asks for the tokens that the pod mounts, for the Secret at the peer from which the standby pod's tokens come. The virtual
 * kubelet makes one only once the pod is at the virtual node, and the kubelet mounts no volume before it is there. The tokens are
 * bound to no pod: bound to the old one they would end with it. When it adopts the pod, the virtual kubelet finds that the Secret
 * is of another pod UID and makes its own, with its own tokens (Liqo: NamespacedServiceAccountReflector.Handle).
 *
 * @returns the Secret to make at the peer, or undefined when the pod mounts no token
 */
export async function forgeTokenSecret(
  home: KubeConnection,
  { pod, peer, twinNamespace, id, tokens }: SecretOf & { readonly tokens: readonly Token[] },
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  if (tokens.length === 0) return undefined;
  const stringData: Record<string, string> = {};
  let expiration = '';
  for (const token of tokens) {
    const { status } = await home.create<TokenRequest>(tokenPath(pod), tokenRequest(token), signal);
    stringData[token.key] = status.token;
    if (expiration === '' || status.expirationTimestamp < expiration) expiration = status.expirationTimestamp;
  }
  return tokenSecret({ pod, peer, twinNamespace, id }, stringData, expiration);
}

/** Whether a Secret is of a pod of that name: one that is there before ours can only be what is left of such a pod, or somebody else's. */
export function isTokenSecretOf(secret: KubeObject, pod: string): boolean {
  return secret.metadata.annotations?.[podNameAnnotation] === pod;
}

const podNameAnnotation = 'offloading.liqo.io/service-account-for-pod-name';

/** What a token Secret is made for. */
interface SecretOf {
  readonly pod: Pod;
  readonly peer: Peer;
  readonly twinNamespace: string;
  /** The migration's. */
  readonly id: string;
}

/** Where the API gives tokens of a pod's service account. */
export function tokenPath({ metadata, spec }: Pod): string {
  return `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${spec.serviceAccountName ?? 'default'}/token`;
}

export function tokenRequest({ audience, seconds }: Pick<Token, 'audience' | 'seconds'>): object {
  return {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: seconds, ...(audience ? { audiences: [audience] } : {}) },
  };
}

/** The Secret at the peer, as Liqo's virtual kubelet forges it. @param tokens by their keys */
export function tokenSecret(
  { pod, peer, twinNamespace, id }: SecretOf,
  tokens: Record<string, string>,
  expiration: string,
): Secret & { stringData: Record<string, string> } {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      name: tokenSecretName(pod.metadata.name),
      namespace: twinNamespace,
      labels: {
        [originLabel]: peer.homeClusterId,
        [destinationLabel]: peer.clusterId,
        'offloading.liqo.io/service-account-name': pod.spec.serviceAccountName ?? 'default',
        [managedByLabel]: managedByValue,
        [migrationLabel]: id,
      },
      annotations: {
        [podNameAnnotation]: pod.metadata.name,
        'offloading.liqo.io/service-account-for-pod-uid': pod.metadata.uid ?? '',
        'offloading.liqo.io/service-account-expiration': expiration,
      },
    },
    stringData: tokens,
  };
}

/** The merge patch after which that Secret is the pod's and no longer ours, who made it. */
export const unmarkingPatch = { metadata: { labels: { [managedByLabel]: null, [migrationLabel]: null } } } as const;

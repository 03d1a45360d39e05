import type { KubeConnection } from '../kube/connection.ts';
import { isNotFound } from '../kube/errors.ts';
import type { PodSpec } from '../kube/types.ts';
import { tokenSecretName } from './forge-volumes.ts';

/**
 * The ConfigMaps and Secrets that a forged pod needs and the peer does not have. Liqo reflects those of an offloaded
 * namespace by itself, unless told not to; a kubelet would wait for a missing one for ever.
 *
 * @returns e.g. `configmap settings`, `secret registry`
 */
export async function missingReferences(
  remote: KubeConnection,
  spec: PodSpec,
  pod: string,
  twinNamespace: string,
  signal: AbortSignal,
): Promise<string[]> {
  const wanted = [...references(spec)].filter((one) => one !== `secrets/${tokenSecretName(pod)}`);
  const answers = await Promise.all(
    wanted.map(async (one) => {
      try {
        await remote.get(`/api/v1/namespaces/${twinNamespace}/${one}`, signal);
        return undefined;
      } catch (error) {
        if (isNotFound(error)) return one.replace('s/', ' ');
        throw error;
      }
    }),
  );
  return answers.filter((one) => one !== undefined);
}

function references(spec: PodSpec): Set<string> {
  const found = new Set<string>();
  const add = (kind: 'configmaps' | 'secrets', name: unknown, optional: unknown): void => {
    if (typeof name === 'string' && name !== '' && optional !== true) found.add(`${kind}/${name}`);
  };
  for (const { name } of spec.imagePullSecrets ?? []) add('secrets', name, false);
  for (const volume of spec.volumes ?? []) {
    add('configmaps', volume.configMap?.name, volume.configMap?.optional);
    add('secrets', volume.secret?.secretName, volume.secret?.optional);
    for (const source of volume.projected?.sources ?? []) {
      add('configmaps', source.configMap?.name, source.configMap?.optional);
      add('secrets', source.secret?.name, source.secret?.optional);
    }
  }
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const sources = [
      ...((container['envFrom'] ?? []) as Reference[]),
      ...(container.env ?? []).map((variable) => (variable.valueFrom ?? {}) as Reference),
    ];
    for (const source of sources) {
      const map = source.configMapRef ?? source.configMapKeyRef;
      const secret = source.secretRef ?? source.secretKeyRef;
      add('configmaps', map?.name, map?.optional);
      add('secrets', secret?.name, secret?.optional);
    }
  }
  return found;
}

type Named = { name?: string; optional?: boolean };
type Reference = { configMapRef?: Named; secretRef?: Named; configMapKeyRef?: Named; secretKeyRef?: Named };

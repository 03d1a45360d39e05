import type { Pod } from '../kube/types.ts';

/**
 * The fields of a pod that were thought through, as of Kubernetes 1.35: each is carried, refused or told (judge.ts,
 * losses.ts). Whatever is not listed is of a newer Kubernetes, and is told as unknown.
 */
const known = {
  spec: [
    'activeDeadlineSeconds',
    'affinity',
    'automountServiceAccountToken',
    'containers',
    'dnsConfig',
    'dnsPolicy',
    'enableServiceLinks',
    'ephemeralContainers',
    'hostAliases',
    'hostIPC',
    'hostNetwork',
    'hostPID',
    'hostUsers',
    'hostname',
    'hostnameOverride',
    'imagePullSecrets',
    'initContainers',
    'nodeName',
    'nodeSelector',
    'os',
    'overhead',
    'preemptionPolicy',
    'priority',
    'priorityClassName',
    'readinessGates',
    'resourceClaims',
    'resources',
    'restartPolicy',
    'runtimeClassName',
    'schedulerName',
    'schedulingGates',
    'securityContext',
    'serviceAccount',
    'serviceAccountName',
    'setHostnameAsFQDN',
    'shareProcessNamespace',
    'subdomain',
    'terminationGracePeriodSeconds',
    'tolerations',
    'topologySpreadConstraints',
    'volumes',
    'workloadRef',
  ],
  podSecurityContext: [
    'appArmorProfile',
    'fsGroup',
    'fsGroupChangePolicy',
    'runAsGroup',
    'runAsNonRoot',
    'runAsUser',
    'seLinuxChangePolicy',
    'seLinuxOptions',
    'seccompProfile',
    'supplementalGroups',
    'supplementalGroupsPolicy',
    'sysctls',
    'windowsOptions',
  ],
  container: [
    'args',
    'command',
    'env',
    'envFrom',
    'image',
    'imagePullPolicy',
    'lifecycle',
    'livenessProbe',
    'name',
    'ports',
    'readinessProbe',
    'resizePolicy',
    'resources',
    'restartPolicy',
    'restartPolicyRules',
    'securityContext',
    'startupProbe',
    'stdin',
    'stdinOnce',
    'terminationMessagePath',
    'terminationMessagePolicy',
    'tty',
    'volumeDevices',
    'volumeMounts',
    'workingDir',
  ],
  securityContext: [
    'allowPrivilegeEscalation',
    'appArmorProfile',
    'capabilities',
    'privileged',
    'procMount',
    'readOnlyRootFilesystem',
    'runAsGroup',
    'runAsNonRoot',
    'runAsUser',
    'seLinuxOptions',
    'seccompProfile',
    'windowsOptions',
  ],
  volumeMount: ['mountPath', 'mountPropagation', 'name', 'readOnly', 'recursiveReadOnly', 'subPath', 'subPathExpr'],
  emptyDir: ['medium', 'sizeLimit'],
  projectedSource: ['clusterTrustBundle', 'configMap', 'downwardAPI', 'podCertificate', 'secret', 'serviceAccountToken'],
} as const;

/** Paths of what the pod has and we do not know, e.g. `containers[].quantum`. */
export function unknownFields({ spec }: Pod): string[] {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const found = [
    ...strangers('spec', [spec], ''),
    ...strangers('podSecurityContext', [spec['securityContext']], 'securityContext.'),
    ...strangers('container', containers, 'containers[].'),
    ...strangers(
      'securityContext',
      containers.map(({ securityContext }) => securityContext),
      'containers[].securityContext.',
    ),
    ...strangers(
      'volumeMount',
      containers.flatMap(({ volumeMounts = [] }) => volumeMounts),
      'containers[].volumeMounts[].',
    ),
    ...strangers(
      'emptyDir',
      (spec.volumes ?? []).map(({ emptyDir }) => emptyDir),
      'volumes[].emptyDir.',
    ),
    ...strangers(
      'projectedSource',
      (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []),
      'volumes[].projected.sources[].',
    ),
  ];
  return [...new Set(found)];
}

function strangers(kind: keyof typeof known, objects: readonly unknown[], path: string): string[] {
  const names: readonly string[] = known[kind];
  return objects.flatMap((object) =>
    Object.keys(object ?? {})
      .filter((key) => !names.includes(key))
      .map((key) => `${path}${key}`),
  );
}

import { afterAll, beforeAll, expect, test } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import type { Pod } from '../../src/kube/types.ts';
import type { Peer } from '../../src/liqo/peer.ts';
import { forgeShadowPod, type ShadowPod } from '../../src/liqo/forge-shadow-pod.ts';
import { getPod, kubectl, mustKubectl } from './cluster.ts';
import { containerOf, podOf } from './pods.ts';

/**
 * The contract with Liqo: for a table of pods, what we forge is what its genuine virtual kubelet makes of the same pod.
 * Nothing here runs: the images do not exist, and only the objects are compared.
 */
const quiet = (extra: Partial<Pod['spec']> = {}): Pod['spec'] => ({ ...podOf('x', ['true']).spec, nodeSelector: {}, ...extra });
const sleeper = containerOf('main', ['sleep', '1000']);

const table: Readonly<Record<string, { spec: Pod['spec']; labels?: Record<string, string>; annotations?: Record<string, string> }>> = {
  'plain': { spec: quiet() },
  'env': {
    spec: quiet({
      containers: [
        {
          ...sleeper,
          env: [
            { name: 'A', value: 'b' },
            { name: 'SA', valueFrom: { fieldRef: { fieldPath: 'spec.serviceAccountName' } } },
            { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
          ],
        },
      ],
    }),
  },
  'init': { spec: quiet({ initContainers: [containerOf('first', ['true'], { env: [{ name: 'X', value: '1' }] })] }) },
  'volumes': {
    spec: quiet({
      volumes: [
        { name: 'a', emptyDir: { medium: 'Memory', sizeLimit: '10Mi' } },
        { name: 'b', configMap: { name: 'nothing', optional: true } },
        { name: 'c', secret: { secretName: 'nothing', optional: true } },
        {
          name: 'd',
          projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }, { secret: { name: 'nothing', optional: true } }] },
        },
        { name: 'e', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      ],
    }),
  },
  'token': {
    spec: quiet({
      volumes: [
        {
          name: 't',
          projected: {
            sources: [
              { serviceAccountToken: { path: 'vault', audience: 'vault', expirationSeconds: 7200 } },
              { serviceAccountToken: { path: 'x/y' } },
            ],
          },
        },
      ],
    }),
  },
  'no-token': { spec: quiet({ automountServiceAccountToken: false }) },
  'security': {
    spec: quiet({
      securityContext: { runAsUser: 1000, fsGroup: 2000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ ...sleeper, securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } } }],
    }),
  },
  'tolerations': { spec: quiet({ tolerations: [{ key: 'edge', operator: 'Exists', effect: 'NoSchedule' }] }) },
  'affinity': {
    spec: quiet({
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 3, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } } },
          ],
        },
      },
    }),
  },
  'preset-propagate': {
    annotations: { 'liqo.io/anti-affinity-preset': 'propagate' },
    spec: quiet({
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 3, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } } },
          ],
        },
      },
    }),
  },
  'preset-soft': {
    annotations: { 'liqo.io/anti-affinity-preset': 'soft' },
    labels: { 'app': 'soft', 'pod-template-hash': '123' },
    spec: quiet(),
  },
  'preset-hard': {
    annotations: { 'liqo.io/anti-affinity-preset': 'hard', 'liqo.io/anti-affinity-labels': 'app' },
    labels: { app: 'hard', other: 'x' },
    spec: quiet(),
  },
  'names': {
    spec: quiet({
      hostAliases: [{ ip: '10.0.0.1', hostnames: ['db'] }],
      hostname: 'host',
      subdomain: 'sub',
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['10.0.0.2'] },
    }),
  },
  'details': {
    spec: quiet({
      containers: [
        {
          ...sleeper,
          resources: { requests: { cpu: '10m' }, limits: { memory: '64Mi' } },
          ports: [{ containerPort: 80, name: 'http' }],
          readinessProbe: { tcpSocket: { port: 80 } },
          lifecycle: { preStop: { exec: { command: ['true'] } } },
        },
      ],
      activeDeadlineSeconds: 3000,
      terminationGracePeriodSeconds: 7,
      enableServiceLinks: false,
    }),
  },
  'spread': {
    labels: { app: 'spread' },
    spec: quiet({
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: { app: 'spread' } } },
      ],
      readinessGates: [{ conditionType: 'a.b/c' }],
    }),
  },
  'runtime-class': { annotations: { 'liqo.io/remote-runtime-class-name': 'gvisor' }, spec: quiet() },
  'api-disabled': { annotations: { 'liqo.io/api-server-support': 'disabled' }, spec: quiet() },
  'api-remote': { annotations: { 'liqo.io/api-server-support': 'remote', 'liqo.io/remote-service-account-name': 'robot' }, spec: quiet() },
  'skipped': { annotations: { 'cloud.google.com/neg': 'x', 'kept': 'y' }, labels: { 'app.kubernetes.io/name': 'z' }, spec: quiet() },
};
const names = Object.keys(table);
let peer: Peer;

beforeAll(async () => {
  const node = JSON.parse(await mustIn(['kubectl', 'get', 'virtualnode', '-A', '-o', 'json'])) as {
    items: { metadata: { namespace: string }; spec: { offloadingPatch: Peer['offloadingPatch'] } }[];
  };
  peer = {
    virtualNode: 'away',
    clusterId: 'away',
    homeClusterId: 'home',
    tenantNamespace: node.items[0]?.metadata.namespace ?? '',
    kubeconfigSecret: '',
    offloadingPatch: node.items[0]?.spec.offloadingPatch ?? {},
    taints: [],
    apiServerSupport: 'TokenAPI',
    homeApiServer: undefined,
    homeApiServerAddress: undefined,
  };
  const pods = names.map((name) => {
    const { spec, labels, annotations } = table[name] ?? { spec: quiet() };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `forge-${name}`, namespace: 'demo', labels: { suite: 'forge', ...labels }, annotations: annotations ?? {} },
      spec: {
        ...spec,
        nodeName: 'away',
        containers: spec.containers.map((container) => ({ ...container, image: 'example.test/none:1', imagePullPolicy: 'Never' })),
      },
    };
  });
  await mustIn(['kubectl', 'apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: pods }) });
});

afterAll(async () => {
  await mustKubectl('home', 'delete', 'pods', '-l', 'suite=forge', '--grace-period=0', '--force', '--wait');
});

for (const name of names) {
  test(`the virtual kubelet forges "${name}" as we do`, async () => {
    const pod = `forge-${name}`;
    await expect.poll(async () => (await kubectl('away', 'get', 'shadowpod', pod)).code, { timeout: 30_000 }).toBe(0);
    const genuine = JSON.parse(await mustKubectl('away', 'get', 'shadowpod', pod, '-o', 'json')) as ShadowPod;
    const ours = forgeShadowPod(await getPod('home', pod), peer, 'demo');
    const own = (labels: Record<string, string> = {}): Record<string, string> =>
      Object.fromEntries(Object.entries(labels).filter(([key]) => !['liqo.io/managed-by', 'liqo.io/creator-user'].includes(key)));
    expect(own(ours.metadata.labels)).toEqual(own(genuine.metadata.labels));
    expect(ours.metadata.annotations ?? {}).toEqual(genuine.metadata.annotations ?? {});
    expect(ours.spec.pod).toEqual(genuine.spec.pod);
  });
}

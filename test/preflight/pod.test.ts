import { describe, expect, test } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { podFindings } from '../../src/preflight/pod.ts';
import { carriedText, partsOf } from '../../src/preflight/carried.ts';
import { blockersAmong, findingText, type Finding } from '../../src/preflight/finding.ts';
import { nodeDifferences } from '../../src/preflight/nodes.ts';

function pod(spec: Partial<Pod['spec']> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'web-0', namespace: 'demo', ...metadata },
    spec: { containers: [{ name: 'main' }], ...spec },
    status: { phase: 'Running', containerStatuses: [{ name: 'main', state: { running: {} } }] },
  };
}

function ofOwner(apiVersion: string, kind: string, metadata: Partial<Pod['metadata']> = {}): Pod {
  return pod({}, { ownerReferences: [{ apiVersion, kind, name: 'web', uid: '1', controller: true }], ...metadata });
}

function texts(findings: readonly Finding[]): string {
  return findings.map(findingText).join('\n');
}

function blockers(odd: Pod): string {
  return texts(blockersAmong(podFindings(odd)));
}

function losses(odd: Pod): Finding[] {
  return podFindings(odd).filter(({ effect }) => effect !== 'blocks');
}

test('an ordinary pod has nothing in the way, and hears what is carried and lost', () => {
  const ordinary = pod({
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'fast', emptyDir: { medium: 'Memory' } },
      { name: 'c', configMap: { name: 'c' } },
    ],
  });
  expect(blockers(ordinary)).toEqual('');
  expect(partsOf(ordinary).carries.map(carriedText)).toEqual(expect.arrayContaining(['emptyDir data', 'emptyDir fast (in memory)']));
  expect(texts(losses(ordinary))).toContain('reset [KM-CONNECTIONS]');
});

describe('what is not carried is in the way, with its reason', () => {
  const container = (extra: object): Partial<Pod['spec']> => ({ containers: [{ name: 'main', ...extra }] });
  const cases: readonly [string, Pod, RegExp][] = [
    ['a DaemonSet', ofOwner('apps/v1', 'DaemonSet'), /DaemonSet web.* \[KM-DAEMON-SET\]/],
    ['a static pod', pod({}, { annotations: { 'kubernetes.io/config.mirror': 'x' } }), /\[KM-STATIC-POD\]/],
    ['an owner of unknown rules', ofOwner('a.io/v1', 'StatefulSet', { generateName: 'web-' }), /StatefulSet web.* \[KM-OWNER\]/],
    ['a finalizer', pod({}, { finalizers: ['a/b'] }), /finalizers/],
    ['being deleted', pod({}, { deletionTimestamp: 'now' }), /being deleted/],
    ['a claim of a volume', pod({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'x' } }] }), /persistentVolumeClaim/],
    ['a volume kind that nobody knows yet', pod({ volumes: [{ name: 'v', quantumFoam: {} }] }), /quantumFoam/],
    ['the network of the node', pod({ hostNetwork: true }), /hostNetwork/],
    ['the processes of the node', pod({ hostPID: true }), /hostPID/],
    ['a user namespace', pod({ hostUsers: false }), /hostUsers/],
    ['an ephemeral container', pod({ ephemeralContainers: [{ name: 'debug' }] }), /ephemeral/],
    ['a claim of devices', pod({ resourceClaims: [{}] }), /resourceClaims/],
    ['a device', pod(container({ resources: { limits: { 'nvidia.com/gpu': '1' } } })), /nvidia/],
    ['a block device', pod(container({ volumeDevices: [{}] })), /block device/],
    ['an ephemeral volume', pod({ volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: {} } }] }), /kind ephemeral/],
    ['a volume from an image', pod({ volumes: [{ name: 'v', image: { reference: 'x' } }] }), /kind image/],
    ['a volume from a repository', pod({ volumes: [{ name: 'v', gitRepo: { repository: 'x' } }] }), /kind gitRepo/],
    ['huge pages as a volume', pod({ volumes: [{ name: 'v', emptyDir: { medium: 'HugePages-2Mi' } }] }), /medium HugePages-2Mi/],
    [
      'the trust of its cluster',
      pod({ volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { path: 'ca' } }] } }] }),
      /clusterTrustBundle/,
    ],
    [
      'a certificate of its cluster',
      pod({ volumes: [{ name: 'v', projected: { sources: [{ podCertificate: { keyType: 'ED25519' } }] } }] }),
      /podCertificate/,
    ],
    [
      'an init container that may have made network rules',
      pod({ initContainers: [{ name: 'mesh', securityContext: { capabilities: { add: ['NET_ADMIN'] } } }] }),
      /container mesh may .* \(NET_ADMIN\).* \[KM-NETWORK-RULES\]/,
    ],
    [
      'a privileged init container',
      pod({ initContainers: [{ name: 'tune', securityContext: { privileged: true } }] }),
      /container tune .*KM-NETWORK-RULES/,
    ],
    [
      'a container that may make them',
      pod(container({ securityContext: { capabilities: { add: ['CAP_NET_ADMIN'] } } })),
      /KM-NETWORK-RULES/,
    ],
    ['a runtime class', pod({ runtimeClassName: 'gvisor' }), /runtime class gvisor/],
    ['Windows', pod({ os: { name: 'windows' } }), /Windows/],
    ['an unmasked /proc', pod(container({ securityContext: { procMount: 'Unmasked' } })), /procMount/],
    [
      'shared mounts',
      pod(container({ volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'HostToContainer' }] })),
      /mountPropagation/,
    ],
  ];
  for (const [what, odd, reason] of cases) {
    test(what, () => expect(blockers(odd)).toMatch(reason));
  }
  test('a container that does not run', () => {
    const crashed = {
      ...pod(),
      status: { phase: 'Running', containerStatuses: [{ name: 'main', state: { waiting: { reason: 'CrashLoopBackOff' } } }] },
    };
    expect(blockers(crashed)).toBe('it does not run (Running) [KM-NOT-RUNNING]');
  });
});

describe('what comes over as it is needs no word', () => {
  const cases: readonly [string, Partial<Pod['spec']>][] = [
    [
      'what every pod gets from its API server',
      {
        priority: 0,
        preemptionPolicy: 'PreemptLowerPriority',
        schedulerName: 'default-scheduler',
        serviceAccountName: 'default',
        serviceAccount: 'default',
        securityContext: {},
        dnsPolicy: 'ClusterFirst',
        enableServiceLinks: true,
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
      },
    ],
    [
      'names',
      { hostname: 'a', subdomain: 'b', setHostnameAsFQDN: true, hostAliases: [{ ip: '10.0.0.1', hostnames: ['db'] }], dnsConfig: {} },
    ],
    ['rules of restart', { containers: [{ name: 'main', restartPolicy: 'Never', restartPolicyRules: [], resizePolicy: [] }] }],
    ['the keyboard and the screen', { containers: [{ name: 'main', stdin: true, stdinOnce: true, tty: true }] }],
    [
      'a liveness probe with patience, or one by exec',
      {
        containers: [
          { name: 'main', livenessProbe: { httpGet: {}, periodSeconds: 10, failureThreshold: 3 } },
          { name: 'side', livenessProbe: { exec: {}, periodSeconds: 1, failureThreshold: 1 } },
        ],
      },
    ],
    [
      'mounts of parts, read-only to the bottom',
      {
        containers: [
          {
            name: 'main',
            volumeMounts: [
              { name: 'v', mountPath: '/v', subPath: 'a', readOnly: true, recursiveReadOnly: 'Enabled' },
              { name: 'v', mountPath: '/w', subPathExpr: '$(A)' },
            ],
          },
        ],
      },
    ],
    [
      'users, groups, sysctls and profiles',
      {
        securityContext: {
          runAsUser: 1,
          supplementalGroupsPolicy: 'Strict',
          fsGroupChangePolicy: 'Always',
          sysctls: [],
          seccompProfile: {},
          appArmorProfile: {},
        },
      },
    ],
    [
      'other capabilities',
      { containers: [{ name: 'main', securityContext: { capabilities: { add: ['NET_BIND_SERVICE', 'NET_RAW'], drop: ['ALL'] } } }] },
    ],
    ['topology', { topologySpreadConstraints: [{}] }],
  ];
  const usual = losses(pod());
  for (const [what, spec] of cases) {
    test(what, () => {
      const odd = pod(spec);
      const statuses = odd.spec.containers.map(({ name }) => ({ name, state: { running: {} } }));
      expect(podFindings({ ...odd, status: { phase: 'Running', containerStatuses: statuses } })).toEqual(usual);
    });
  }
});

describe('what the peer does not get is told when the pod has it', () => {
  const container = (extra: object): Partial<Pod['spec']> => ({ containers: [{ name: 'main', ...extra }] });
  const variable = (fieldPath: string): Partial<Pod['spec']> =>
    container({ env: [{ name: 'PLACE', valueFrom: { fieldRef: { fieldPath } } }] });
  const cases: readonly [string, Pod, RegExp][] = [
    [
      'rules for a place',
      pod({ nodeSelector: { disk: 'ssd' }, affinity: { nodeAffinity: {} }, schedulerName: 'mine' }),
      /\(nodeSelector, affinity, schedulerName\)/,
    ],
    ['a priority class', pod({ priorityClassName: 'high', priority: 1000 }), /its priorityClassName:/],
    ['a priority by default', pod({ priority: 1000 }), /its priority:/],
    ['the wish not to preempt', pod({ preemptionPolicy: 'Never' }), /its preemptionPolicy:/],
    ['overhead', pod({ overhead: { cpu: '1' } }), /overhead/],
    ['resources of the pod', pod({ resources: { limits: { cpu: '1' } } }), /the resources of the pod as a whole/],
    ['a host name that overrides', pod({ hostnameOverride: 'x' }), /hostnameOverride/],
    ['a group of pods', pod({ workloadRef: {} }), /workloadRef/],
    ['a service account', pod({ serviceAccountName: 'robot' }), /service account robot .* "default"/],
    ['a deadline', pod({ activeDeadlineSeconds: 60 }), /its activeDeadlineSeconds \(60\)/],
    ['readiness gates', pod({ readinessGates: [{ conditionType: 'a.b/c' }] }), /readiness gates \(a\.b\/c\)/],
    ['its address in the environment', pod(variable('status.podIP')), /PLACE \(status\.podIP\)/],
    ['its node in the environment', pod(variable('spec.nodeName')), /PLACE \(spec\.nodeName\)/],
    ['its UID in the environment', pod(variable('metadata.uid')), /PLACE \(metadata\.uid\)/],
    ['a port of its node', pod(container({ ports: [{ containerPort: 80, hostPort: 8080 }] })), /port 8080 \(hostPort\)/],
    [
      'a late readiness',
      pod(container({ readinessProbe: { httpGet: {}, initialDelaySeconds: 60 } })),
      /after 60 s \(initialDelaySeconds\)/,
    ],
    ['a field of a newer Kubernetes', pod({ quantum: true }), /^quantum: a field/m],
    ['one of a container', pod(container({ entangled: 'main' })), /^containers\[\]\.entangled: a field/m],
    [
      'one of a security context',
      pod(container({ securityContext: { cloak: true } })),
      /^containers\[\]\.securityContext\.cloak: a field/m,
    ],
    [
      'one of a mount',
      pod(container({ volumeMounts: [{ name: 'v', mountPath: '/v', warp: 1 }] })),
      /^containers\[\]\.volumeMounts\[\]\.warp: a field/m,
    ],
  ];
  for (const [what, odd, loss] of cases) test(what, () => expect(texts(losses(odd))).toMatch(loss));
  test('restarts so far', () => {
    const restarted = {
      ...pod(),
      status: { phase: 'Running', containerStatuses: [{ name: 'main', restartCount: 3, state: { running: {} } }] },
    };
    expect(texts(losses(restarted))).toContain('restart count of container main (3)');
  });
  test('unless Liqo is told to hand it on', () => {
    const annotations = { 'liqo.io/anti-affinity-preset': 'propagate', 'liqo.io/api-server-support': 'remote' };
    expect(losses(pod({ affinity: { podAntiAffinity: {} }, serviceAccountName: 'robot' }, { annotations }))).toEqual(losses(pod()));
  });
});

describe('two nodes fit', () => {
  const node = {
    architecture: 'x64',
    kernel: '6.1',
    cgroupVersion: 2,
    cpuFlags: ['avx2', 'sse4_2'],
    runtime: '/usr/bin/runc',
    runtimeVersion: 'runc version 1.3.6',
    room: { diskFreeBytes: 2e9, diskKeptBytes: 1e9, memoryFreeBytes: 2e9, memoryKeptBytes: 1e9 },
    helperLimits: { lifted: [], left: [] },
  } as const;
  const there = { kind: 'node', name: 'away' } as const;
  test('when the target has all that the source has', () => {
    expect(nodeDifferences(there, node, { ...node, kernel: '6.18', cpuFlags: ['avx2', 'sse4_2', 'avx512f'] })).toEqual([]);
  });
  test('not when it lacks an instruction set, or is another kind of machine, cgroup or runtime', () => {
    expect(texts(nodeDifferences(there, { ...node, cpuFlags: ['avx512f'] }, node))).toContain('avx512f');
    expect(texts(nodeDifferences(there, node, { ...node, architecture: 'arm64' }))).toContain('arm64');
    expect(texts(nodeDifferences(there, node, { ...node, cgroupVersion: 1 }))).toContain('cgroup');
    expect(texts(nodeDifferences(there, node, { ...node, runtimeVersion: 'crun version 1.28' }))).toContain('crun');
  });
});

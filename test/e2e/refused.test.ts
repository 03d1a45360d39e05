import { describe, expect } from 'vitest';
import type { PodSpec } from '../../src/kube/types.ts';
import type { PlanReport } from '../../src/migration/contract.ts';
import { blockersAmong } from '../../src/preflight/finding.ts';
import { getPod, leftovers, leftoversInTheEnd, migrate, mustKubectl } from './cluster.ts';
import { test } from './pod-test.ts';
import { containerIdOf, containerOf, podOf } from './pods.ts';
import { mustIn } from '../../bed/bed.ts';

/** A program beside the ticker, in the same container. */
function beside(command: string): Partial<PodSpec> {
  return { containers: [containerOf('main', ['sh', '-c', `${command} & exec ticker 1 50`])] };
}

const odd: readonly { what: string; extra: Partial<PodSpec>; reason: RegExp }[] = [
  { what: 'uses the network of its node', extra: { hostNetwork: true }, reason: /hostNetwork/ },
  { what: 'sees the processes of its node', extra: { hostPID: true }, reason: /hostPID/ },
  {
    what: 'has a hostPath volume',
    extra: { volumes: [{ name: 'host', hostPath: { path: '/tmp' } }] },
    reason: /volume host is of kind hostPath/,
  },
  {
    what: 'has a postStart hook',
    extra: { containers: [containerOf('main', ['ticker', '1', '50'], { lifecycle: { postStart: { exec: { command: ['true'] } } } })] },
    reason: /postStart/,
  },
  {
    what: 'has a sidecar',
    extra: { initContainers: [containerOf('side', ['ticker', '1', '50'], { restartPolicy: 'Always' })] },
    reason: /sidecars/,
  },
  {
    what: 'is privileged',
    extra: { containers: [containerOf('main', ['ticker', '1', '50'], { securityContext: { privileged: true } })] },
    reason: /privileged/,
  },
  {
    what: 'has a stopped process',
    extra: beside('sleep 1000 & sleep 1; kill -STOP $!; true'),
    reason: /\(sleep\) is stopped .*\[KM-STOPPED\]/,
  },
  {
    what: 'has a process without its main thread',
    extra: beside('half main'),
    reason: /\(half\) has lost its main thread .*\[KM-DEAD-MAIN-THREAD\]/,
  },
  {
    what: 'has a process in the hands of a debugger',
    extra: beside('sleep 1000 & until grep -q sleep /proc/$!/comm; do usleep 1000; done; half trace $!; true'),
    reason: /\(sleep\) is being traced \[KM-TRACED\]/,
  },
  {
    what: 'has a process that hangs in the kernel',
    extra: beside('half vfork'),
    reason: /\(half\) has been in an uninterruptible wait .*\[KM-UNINTERRUPTIBLE\]/,
  },
];

describe.concurrent('before anything is touched is refused', () => {
  test.for(odd.map((one, index) => ({ ...one, name: `refused-${index}` })))(
    'a pod that $what',
    async ({ name, extra, reason }, { start }) => {
      await start(podOf(name, ['ticker', '1', '50'], extra));
      const { code, stderr } = await migrate(name);
      expect(stderr).toMatch(reason);
      expect(code).toBe(3);
      expect(await leftoversInTheEnd(name)).toEqual([]);
    },
  );
});

describe.concurrent(
  'what would have it run under another runtime than the one that is covered is refused, and makes nothing at the peer',
  () => {
    test.for([
      { what: 'its runtime class', name: 'other-class', annotations: {}, extra: { runtimeClassName: 'another' } },
      { what: 'its runtime class at the peer', name: 'other-there', annotations: { 'liqo.io/remote-runtime-class-name': 'x' }, extra: {} },
    ])('$what', async ({ name, annotations, extra }, { start }) => {
      const another = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'another' }, handler: 'runc' };
      await mustIn(['kubectl', 'apply', '-f', '-'], { input: JSON.stringify(another) });
      const pod = podOf(name, ['ticker', '1', '50'], extra);
      const original = await start({ ...pod, metadata: { ...pod.metadata, annotations } });
      const { code, stderr } = await migrate(name);
      expect(stderr).toContain('KM-RUNTIME-CLASS');
      expect(code).toBe(3);
      expect(containerIdOf(await getPod('home', name))).toBe(containerIdOf(original));
      expect(await mustKubectl('away', 'get', 'shadowpods,pods', '-o', 'name')).not.toContain(name);
      expect(await leftovers(name)).toEqual([]);
    });
  },
);

test('a pod that the server has named for a controller of unknown rules is refused, with the controller named', async () => {
  await mustKubectl('home', 'create', 'configmap', 'strange');
  try {
    const uid = await mustKubectl('home', 'get', 'configmap', 'strange', '-o', 'jsonpath={.metadata.uid}');
    const { spec } = podOf('x', ['ticker', '1', '50']);
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'strange', uid, controller: true }];
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'strange-', namespace: 'demo', ownerReferences }, spec };
    const created = await mustIn(['kubectl', '-n', 'demo', 'create', '-f', '-', '-o', 'name'], { input: JSON.stringify(pod) });
    const name = created.trim().split('/')[1] ?? '';
    await mustKubectl('home', 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
    const { code, stderr } = await migrate(name);
    expect(stderr).toContain('it belongs to ConfigMap strange');
    expect(stderr).toContain('[KM-OWNER]');
    expect(code).toBe(3);
  } finally {
    // Its pod goes with it.
    await mustKubectl('home', 'delete', 'configmap', 'strange');
  }
});

test('unknown pods and clusters are told as kubectl tells them', async ({ start }) => {
  const unknownPod = await migrate('nobody');
  expect(unknownPod.stderr).toContain('Error from server (NotFound): pods "nobody" not found');
  expect(unknownPod.code).toBe(1);
  await start(podOf('known', ['ticker', '1', '50']));
  const unknownCluster = await migrate('known', '--to', 'nowhere');
  expect(unknownCluster.stderr).toContain('no peered cluster "nowhere"');
  expect(unknownCluster.stderr).toContain('away');
  expect(unknownCluster.code).toBe(2);
});

test('a dry run tells what would be carried and lost, and touches nothing', async ({ start }) => {
  await start(podOf('dry-run', ['ticker', '1', '50']));
  const { code, stdout } = await migrate('dry-run', '--dry-run=client', '-o', 'json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ pod: 'dry-run', from: 'home-1', to: 'away' });
  expect(blockersAmong((JSON.parse(stdout) as PlanReport).findings)).toEqual([]);
  expect(await leftovers('dry-run')).toEqual([]);
});

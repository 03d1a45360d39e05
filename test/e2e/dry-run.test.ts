import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import { offload } from '../../bed/liqo.ts';
import { until } from '../../bed/until.ts';
import type { Pod } from '../../src/kube/types.ts';
import { deletePod, getPod, kubectl, leftovers, migrate, mustKubectl, startPod } from './cluster.ts';
import { podOf } from './pods.ts';

const strict = 'strict';

beforeAll(async () => {
  await mustKubectl('home', 'create', 'namespace', strict);
  await offload(strict);
  await mustKubectl('home', 'label', 'namespace', strict, 'pod-security.kubernetes.io/enforce=restricted');
});

afterEach(async () => deletePod('dry-run'));

afterAll(async () => {
  await mustKubectl('home', 'delete', 'namespace', strict, '--wait', '--timeout=90s');
  await until(`namespace ${strict} at the peer to be gone`, 60_000, async () =>
    (await kubectl('away', 'get', 'namespace', strict)).stderr.includes('NotFound'),
  );
});

test('a server dry run of a pod that can move has every write judged, and changes nothing', async () => {
  const { metadata } = await startPod(podOf('dry-run', ['ticker', '1', '50']));
  const { code, stdout, stderr } = await migrate('dry-run', '--dry-run=server');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('pod/dry-run would be migrated to away (server dry run)');
  expect(stdout).toContain('Not tried:\n  the admission of the pods themselves at away');
  expect(await leftovers('dry-run')).toEqual([]);
  expect((await getPod('home', 'dry-run')).metadata.uid).toBe(metadata.uid);
  expect(await mustKubectl('away', 'get', 'shadowpods,secrets', '-o', 'name')).not.toContain('rehears');
});

test('what admission would refuse is told beforehand, in the words of the server', async () => {
  const secured = {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    runAsUser: 1000,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const pod = podOf('dry-run', ['ticker', '1', '50']);
  const [main] = pod.spec.containers;
  const inStrict: Pod = {
    ...pod,
    metadata: { ...pod.metadata, namespace: strict },
    spec: { ...pod.spec, containers: [{ ...main, name: 'main', securityContext: secured }] },
  };
  await mustIn(['kubectl', '-n', strict, 'apply', '-f', '-'], { input: JSON.stringify(inStrict) });
  await mustIn(['kubectl', '-n', strict, 'wait', '--for=condition=Ready', 'pod/dry-run', '--timeout=60s']);
  const { code, stdout } = await migrate('dry-run', '-n', strict, '--dry-run=server');
  expect(code).toBe(3);
  for (const role of ['source', 'target']) {
    const refusal = `cluster home refuses to create pod strict/kubectl-migrate-dry-run-${role}: pods "kubectl-migrate-dry-run-${role}" is forbidden: violates PodSecurity "restricted:latest"`;
    expect(stdout).toContain(refusal);
  }
  expect(stdout).toContain('kubectl label namespace strict pod-security.kubernetes.io/enforce=privileged');
  // The pod itself keeps to the rules, so its new object would be taken.
  expect(stdout).not.toContain('create pod strict/dry-run');
  expect(await leftovers('dry-run')).toEqual([]);
});

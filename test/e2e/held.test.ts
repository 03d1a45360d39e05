import { afterAll, beforeAll, beforeEach, describe, expect } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import { nodes, type BedNode } from '../../bed/layout.ts';
import type { Pod } from '../../src/kube/types.ts';
import { deletePod, kubectl, leftoversInTheEnd, migrate, mustKubectl, startMigration, startPod, type Running } from './cluster.ts';
import { faultsIn } from '../ticks/one-copy.ts';
import { holdRestored, killAgent, onNode, withoutPackets } from './faults.ts';
import { heardTest } from './pod-test.ts';
import { podOf } from './pods.ts';
import { collectTicks, expectOneCopy, provesFreshStartIsSeen } from './ticks.ts';
import { expectRunsOn, expectUntouched } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);

const targets = nodes.filter(({ cluster }) => cluster === 'away');

/** Prints the freezer's folder of every container that is restored on a node and not let go. */
const folders = 'for f in /run/kubectl-migrate/held/by-id/*; do [ ! -e $f/${f##*/} ] || echo $(cat $f/${f##*/}); done';

/** The node of which that is true, as soon as there is one. @param script prints `expected` there */
async function nodeWhere(script: string, expected: string): Promise<BedNode> {
  let found: BedNode | undefined;
  await expect
    .poll(
      async () => {
        const answers = await Promise.all(targets.map(async (node) => onNode(node, script)));
        found = targets.find((_, index) => answers[index] === expected);
        return found;
      },
      { timeout: 30_000, interval: 50 },
    )
    .toBeDefined();
  if (!found) throw new Error('no node of the peer');
  return found;
}

/** From a moment after it is made on, no ShadowPod of the peer can be deleted. */
const keepsShadowPods = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'shadowpods-stay' },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [{ apiGroups: ['offloading.liqo.io'], apiVersions: ['*'], resources: ['shadowpods'], operations: ['DELETE'] }],
        },
        validations: [{ expression: 'false', message: 'ShadowPods stay' }],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'shadowpods-stay' },
      spec: { policyName: 'shadowpods-stay', validationActions: ['Deny'] },
    },
  ],
};

/** While `work` runs, no ShadowPod of the peer can be deleted. */
async function whileShadowPodsStay(work: () => Promise<void>): Promise<void> {
  const probe = async (): Promise<string> => (await kubectl('away', 'delete', 'shadowpods', '--all', '--dry-run=server')).stderr;
  await mustIn(['kubectl', '--context', 'away', 'apply', '-f', '-'], { input: JSON.stringify(keepsShadowPods) });
  try {
    await expect.poll(probe, { timeout: 20_000 }).toContain('ShadowPods stay');
    await work();
  } finally {
    await mustIn(['kubectl', '--context', 'away', 'delete', '-f', '-'], { input: JSON.stringify(keepsShadowPods) });
  }
  await expect.poll(probe, { timeout: 20_000 }).not.toContain('ShadowPods stay');
}

/** From now on a pod of that name gets no network at the peer: its kubelet tries on, and asks no runtime for it. @returns what ends that */
async function refuseSandboxesOf(pod: string): Promise<() => Promise<void>> {
  const refusing = `#!/bin/sh\ncase "$CNI_COMMAND;;$CNI_ARGS;" in "ADD;"*";K8S_POD_NAME=${pod};"*) exit 1;; esac\nexec "$0.real"\n`;
  const plugin = '/usr/lib/cni/bridge';
  const place = `mv ${plugin} ${plugin}.real; cat > ${plugin}; chmod 755 ${plugin}`;
  await Promise.all(targets.map(async (node) => onNode(node, place, refusing)));
  return async () =>
    void (await Promise.all(targets.map(async (node) => onNode(node, `[ ! -e ${plugin}.real ] || mv ${plugin}.real ${plugin}`))));
}

/** What the peer's cluster tells of the pod of that name which it has now. */
async function eventsOf(name: string): Promise<string> {
  const uid = await mustKubectl(
    'away',
    'get',
    'pods',
    '--field-selector',
    `metadata.name=${name}`,
    '-o',
    'jsonpath={.items[*].metadata.uid}',
  );
  return await mustKubectl('away', 'get', 'events', `--field-selector=involvedObject.uid=${uid}`, '-o', 'json');
}

/** The kubelet goes on asking for the containers of its pod, and none of them is heard. */
async function expectRefused(pod: string): Promise<void> {
  const isHeard = (): boolean => ticks.of(pod).some(({ side }) => side === 'away');
  await expect
    .poll(async () => isHeard() || (await eventsOf(pod)).includes('kubectl migrate: '), { timeout: 90_000, interval: 500 })
    .toBe(true);
}

describe('nothing of the target runs without the commit', () => {
  let original: Pod;
  beforeAll(async () => {
    const containers = [ticks.beacon('main', { megabytes: 16 }), ticks.beacon('busy', { isBusy: true })];
    original = await startPod(podOf('held', [], { containers }));
    await provesFreshStartIsSeen(ticks, original);
  });
  beforeEach(() => ticks.forget('held'));
  afterAll(async () => deletePod('held'));

  async function expectRolledBack({ result }: Running, expected = 1): Promise<void> {
    const { code, stderr } = await result;
    expect(code, stderr).toBe(expected);
  }

  describe('while all of it stands restored and the source does not hear of it', () => {
    async function whileHeld(work: (node: BedNode, running: Running) => Promise<void>, code = 1): Promise<void> {
      const running = await startMigration('held');
      await running.sees('standby ...');
      const hold = await holdRestored();
      await hold.untilHeld();
      await withoutPackets(['away', 'home'], async () => {
        await hold.letGo();
        const isHeld = `for folder in $(${folders}); do cat $folder/freezer.state; done; pgrep -x criu || [ $? = 1 ]`;
        await work(await nodeWhere(isHeld, 'FROZEN\n'.repeat(2)), running);
        await expectRolledBack(running, code);
      });
      await expectUntouched(original, ticks);
    }

    test('when nothing gets through between the agents any more', async () => {
      await whileHeld(async () => Promise.resolve());
    });

    test('when the target agent is killed', async () => {
      await whileHeld(async () => killAgent('away'));
    });

    test('when its user stops it', async () => {
      await whileHeld(async (_node, { child }) => void child.kill('SIGINT'), 130);
    });

    test('when a keeper is killed', async () => {
      // It is the call that made the container, and still has its words.
      await whileHeld(async (node) => void (await onNode(node, 'pkill -9 -o -f "runc[^ ]* .* create "')));
    });

    test('when the runtime is asked to stop one of its containers', async () => {
      await whileHeld(async (node) => {
        // The real runtime then finds nothing to send a signal to, and says so.
        const stop = '$(ls /opt/runtime/bin/runc* || echo runc) --root /run/containerd/runc/k8s.io kill $id TERM || [ $? = 1 ]';
        await onNode(node, `id=$(${folders} | head -n 1); id=\${id##*/}; ${stop}`);
      });
    });
  });

  describe('in the moment before it stands restored', () => {
    test.each([
      ['the CRIU of one container', 'kill -9 $(cat $(ls /run/kubectl-migrate/held/*/*.criu | head -n 1))'],
      ['the runtime of one container', 'pkill -9 -o -f "runc[^ ]* .* restore --detach"'],
      ['the hook of one container', 'pkill -9 -o -f "^/bin/sh /var/lib/kubectl-migrate/hook"'],
      ['every CRIU', 'pkill -9 -x criu'],
    ])('when %s is killed', async (_what, script) => {
      const running = await startMigration('held');
      await running.sees('standby ...');
      const hold = await holdRestored();
      await hold.untilHeld();
      await onNode(await nodeWhere('pgrep -c -f "^/bin/sh /var/lib/kubectl-migrate/hook" || [ $? = 1 ]', '2\n'), script);
      await hold.letGo();
      await expectRolledBack(running);
      await expectUntouched(original, ticks);
    });
  });

  test('when its object at the peer cannot be deleted: the node refuses to create it, whoever has cleaned up, until it is', async () => {
    const running = await startMigration('held');
    await running.sees('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    await whileShadowPodsStay(async () => {
      running.child.kill('SIGINT');
      await hold.letGo();
      const { code, stderr } = await running.result;
      expect(code, stderr).toBe(4);
      await expectRefused('held');
      expect(faultsIn(ticks.of('held'), { sides: ['home'] })).toEqual([]);
    });
    await mustKubectl('away', 'delete', 'shadowpod', 'held', '--ignore-not-found');
    await mustKubectl('away', 'wait', '--for=delete', 'pod/held', '--timeout=60s');
    await expectRunsOn(original, ticks);
    const { code, stderr } = await migrate('held');
    expect(code, stderr).toBe(0);
    await expectOneCopy(ticks, 'held', { sides: ['home', 'away'] });
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});

describe('a pod whose object at the peer cannot be deleted is not started from nothing, though its node was late with it', () => {
  test.each([
    ['', 'late', async (): Promise<void> => Promise.resolve()],
    [' and the agent there is dead', 'late-alone', async (): Promise<void> => killAgent('away')],
  ])(
    'when its user stops its move%s',
    async (_what, name, work) => {
      await provesFreshStartIsSeen(ticks, await startPod(podOf(name, [], { containers: [ticks.beacon('main')] })));
      const allowSandbox = await refuseSandboxesOf(name);
      try {
        const running = await startMigration(name);
        await expect.poll(async () => eventsOf(name), { timeout: 60_000, interval: 500 }).toContain('FailedCreatePodSandBox');
        await whileShadowPodsStay(async () => {
          await work();
          running.child.kill('SIGINT');
          const { code, stderr } = await running.result;
          expect(code, stderr).toBe(4);
          await allowSandbox();
          await expectRefused(name);
          expect(faultsIn(ticks.of(name), { sides: ['home'] })).toEqual([]);
        });
      } finally {
        await allowSandbox();
      }
      const { code, stderr } = await migrate(name);
      expect(code, stderr).toBe(0);
      await expectOneCopy(ticks, name, { sides: ['home', 'away'] });
      await deletePod(name);
      expect(await leftoversInTheEnd()).toEqual([]);
    },
    300_000,
  );
});

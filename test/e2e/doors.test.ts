import { expect } from 'vitest';
import { nodeNamed } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import { mustMigrate } from './cluster.ts';
import { test } from './pod-test.ts';
import { containerOf, podOf } from './pods.ts';

/** Runs a script on the node on which the pods of the tests are, and tells what it says. */
async function onHome(script: string): Promise<string> {
  return (await runOnNode(nodeNamed('home-1'), ['sh', '-c', script])).stdout.trim();
}

test('no pod chooses by the names of its processes what is run as root on its node', async ({ start }) => {
  const volume = '/var/lib/kubelet/pods/$POD_UID/volumes/kubernetes.io~empty-dir/x';
  const forge = [
    `printf '#!/bin/sh\\nid > /pwned\\nexec runc "$@"\\n' > /x/runc; chmod 755 /x/runc; cp "$(command -v ticker)" /x/containerd`,
    `for i in $(seq 20); do PATH=${volume} /x/containerd 1 100000 > /dev/null & done; wait`,
  ].join('; ');
  // Processes were looked through in the order of their numbers as text; a pod only has to start enough to get one that comes early.
  await onHome('echo 10000 > /proc/sys/kernel/ns_last_pid');
  await start(
    podOf('forger', [], {
      volumes: [{ name: 'x', emptyDir: {} }],
      containers: [
        containerOf('main', ['sh', '-c', forge], {
          env: [{ name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } }],
          volumeMounts: [{ name: 'x', mountPath: '/x' }],
          securityContext: { runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        }),
      ],
    }),
  );
  const firstSoNamed = `cd /proc; for one in $(LC_ALL=C ls -d [0-9]*); do [ "$(cat $one/comm)" = containerd ] && tr '\\0' '\\n' < $one/environ && exit; done`;
  await expect.poll(async () => onHome(firstSoNamed), { timeout: 30_000 }).toMatch(/^PATH=.*empty-dir\/x$/m);
  await start(podOf('innocent', ['ticker', '2', '20']));
  try {
    await mustMigrate('innocent');
    expect(await onHome('cat /pwned')).toBe('');
  } finally {
    await onHome('rm -f /pwned');
  }
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { KubeConnection } from '../../../src/kube/connection.ts';
import type { Pod } from '../../../src/kube/types.ts';
import type { Peer } from '../../../src/liqo/peer.ts';
import { cutoverTasks, unfinished } from '../../../src/migration/steps/cutover/cutover.ts';
import { creatorOf, type Seen } from '../../../src/migration/steps/cutover/task.ts';
import { moveOf } from '../move.ts';

const pod: Pod = {
  metadata: { name: 'web-0', namespace: 'demo', uid: 'old', labels: { app: 'web' } },
  spec: {
    containers: [{ name: 'main' }],
    volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
  },
};
const peer = { virtualNode: 'away', clusterId: 'away-id', tenantNamespace: 'liqo-tenant-away', kubeconfigSecret: 'credential' } as Peer;
const move = moveOf(pod, { id: 'abcd1234', peer, twinNamespace: 'demo-twin' });
const home = { name: 'home' } as KubeConnection;

const running = { phase: 'Running', containerStatuses: [{ name: 'main', state: { running: {} } }] };
const marked = { metadata: { name: 'web-0', uid: 's', labels: { 'kubectl-migrate/migration': 'abcd1234' } } };
const adopted = { metadata: { name: 'web-0', uid: 's', labels: { 'offloading.liqo.io/nodename': 'away' } } };
const released = { metadata: { name: 'web-0-token', labels: {} } };
const made: Pod = { metadata: { ...pod.metadata, uid: 'new', managedFields: [{ manager: 'kubectl-migrate-abcd1234' }] }, spec: pod.spec };

const undone = (seen: Seen): string[] =>
  cutoverTasks(move)
    .filter((task) => !task.isDone(seen, move))
    .map(({ name }) => name);
const all = cutoverTasks(move).map(({ name }) => name);
const [release, relay, replace, kill, adopt, see, ready] = all;

describe('what is left to be done follows from what is seen in the clusters, whoever did the rest', () => {
  const table: [string, Seen, (string | undefined)[]][] = [
    ['nothing was begun', { current: pod, shadow: marked, secret: marked }, [release, relay, replace, kill, adopt, see, ready]],
    ['the Secret is released', { current: pod, shadow: marked, secret: released }, [relay, replace, kill, adopt, see, ready]],
    ['the old object is gone', { current: undefined, shadow: marked, secret: released }, [replace, kill, adopt, see, ready]],
    ['the new object is there', { current: made, shadow: marked, secret: released }, [kill, adopt, see, ready]],
    ['they are joined', { current: made, shadow: adopted, secret: undefined }, [kill, see, ready]],
    ['it is seen to run', { current: { ...made, status: running }, shadow: adopted, secret: undefined }, [kill, ready]],
    [
      'somebody else has made a pod of that name',
      { current: { metadata: { ...pod.metadata, uid: 'theirs' }, spec: pod.spec }, shadow: marked, secret: released },
      [replace, kill, adopt, see, ready],
    ],
    [
      'the new object of another migration is there',
      {
        current: { ...made, metadata: { ...made.metadata, managedFields: [{ manager: 'kubectl-migrate-ffffffff' }] } },
        shadow: marked,
        secret: released,
      },
      [replace, kill, adopt, see, ready],
    ],
  ];
  for (const [when, seen, wanted] of table) test(when, () => expect(undone(seen)).toEqual(wanted));
});

describe('the recipe for a person', () => {
  const hintAt = (task: string | undefined): string =>
    unfinished(move, home, cutoverTasks(move).slice(all.indexOf(task ?? '')), '/tmp/saved.json', new Error('no answer')).hint ?? '';

  test('has the tasks that are not done, and no others', () => {
    expect(hintAt(replace)).toContain('kubectl delete --raw');
    expect(hintAt(adopt)).not.toContain('delete --raw');
    expect(hintAt(replace)).toContain(`kubectl create --field-manager=${creatorOf(move)} -f /tmp/saved.json`);
    expect(hintAt(adopt)).not.toContain('kubectl create');
    expect(hintAt(see)).not.toContain('shadowpods');
  });

  test('names the same command first', () => {
    expect(hintAt(replace).split('\n')[1]).toBe('  kubectl migrate web-0 -n demo --to away');
  });

  test('never deletes a pod of that name that is another one', () => {
    const command = hintAt(replace)
      .split('\n')
      .find((line) => line.includes('kubectl delete --raw'));
    const folder = mkdtempSync(join(tmpdir(), 'recipe-'));
    try {
      // What the shell makes of it: kubectl's words and what it reads.
      writeFileSync(join(folder, 'kubectl'), '#!/bin/sh\necho "$@" > "$0.words"; cat > "$0.input"\n', { mode: 0o755 });
      execFileSync('bash', ['-ec', command ?? 'false'], { env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` } });
      expect(readFileSync(join(folder, 'kubectl.words'), 'utf8').trim()).toBe('delete --raw /api/v1/namespaces/demo/pods/web-0 -f -');
      expect(JSON.parse(readFileSync(join(folder, 'kubectl.input'), 'utf8'))).toMatchObject({ preconditions: { uid: 'old' } });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

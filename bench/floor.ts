import { setTimeout as delay } from 'node:timers/promises';
import { nodeNamed } from '../bed/layout.ts';
import { runOnNode } from '../bed/node.ts';
import { longestGap, stepsIn } from '../test/e2e/steps.ts';
import { periodMs, type Case } from './cases.ts';

const node = nodeNamed('home-1');
const folder = '/tmp/floor';

async function onNode(script: string): Promise<string> {
  const { code, stdout, stderr } = await runOnNode(node, ['sh', '-euc', script]);
  if (code !== 0) throw new Error(`the floor's script failed: ${stderr.trim()}`);
  return stdout;
}

/**
 * What cannot be undercut: the same containers, paused, checkpointed and restored by runc on one node, all of them side
 * by side, with nothing sent anywhere and no Kubernetes.
 *
 * @returns ms between the last tick before and the first tick after, less the period; the longest of all containers
 */
export async function measureFloor({ containers, megabytes }: Case): Promise<number> {
  const ids = Array.from({ length: containers }, (_, index) => `floor-${index}`);
  const each = (command: string): string =>
    `pids=; ${ids.map((id) => `(id=${id}; cd ${folder}/$id; ${command}) > ${folder}/${id}/said 2>&1 < /dev/null & pids="$pids $!";`).join(' ')} for pid in $pids; do wait $pid || { grep -h level=error ${folder}/*/said >&2; exit 1; }; done`;
  const flags = '--image-path images --work-path work --manage-cgroups-mode ignore';
  try {
    await onNode(
      `mkdir -p ${folder}/rootfs; ctr -n k8s.io images mount --rw example.test/base:1 ${folder}/rootfs >/dev/null; printf 'network-lock skip\n' > ${folder}/criu.conf`,
    );
    for (const id of ids)
      await onNode(
        `mkdir -p ${folder}/${id}; printf '%s' '${JSON.stringify(containerConfig(id, megabytes))}' > ${folder}/${id}/config.json`,
      );
    await onNode(each('runc --log said run --detach $id > /dev/null 2>&1'));
    await delay(1_500);
    await onNode(
      [
        `export CRIU_CONFIG_FILE=${folder}/criu.conf`,
        each('runc pause $id'),
        each(`runc checkpoint ${flags} $id`),
        each(`runc --log said restore --detach ${flags} $id > /dev/null 2>&1`),
      ].join('\n'),
    );
    await delay(500);
    const gaps = await Promise.all(ids.map(async (id) => longestGap(stepsIn(await onNode(`cat ${folder}/rootfs/${id}`)).slice(50))));
    return Math.max(...gaps) - periodMs;
  } finally {
    await onNode(
      `for id in ${ids.join(' ')}; do runc delete --force $id || true; done
       umount ${folder}/rootfs || true; ctr -n k8s.io snapshots rm ${folder}/rootfs 2>/dev/null || true; rm -rf ${folder}`,
    );
  }
}

/** The ticks go to a file of the root file system: runc's own standard output would be a file that CRIU cannot find. */
function containerConfig(id: string, megabytes: number): object {
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['/usr/local/bin/ticker', String(megabytes), String(periodMs), `/${id}`],
      env: ['PATH=/bin'],
      cwd: '/',
    },
    root: { path: `${folder}/rootfs` },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })) },
  };
}

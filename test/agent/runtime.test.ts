import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run, type RunResult } from '../../build/run.ts';

const runtimeModule = join(import.meta.dirname, '../../src/agent/runc/runtime.ts');

/**
 * A node of its own: `prepare` makes its programs below /mnt; then a shim with that PATH makes the agent's container (root file system,
 * mount and PID namespaces), in which the agent asks for the runtime.
 */
async function found(path: string, prepare: string): Promise<RunResult> {
  const ask = `import { findRuntime } from ${JSON.stringify(runtimeModule)}; process.stdout.write(await findRuntime());`;
  const rootfs = '/mnt/bundle/rootfs';
  const shim = `unshare --mount --pid --fork --mount-proc=${rootfs}/proc /usr/sbin/chroot ${rootfs} "$@"; exit $?`;
  const node = `
    mount -t tmpfs -o mode=755 tmpfs /mnt
    mkdir -p ${rootfs} /mnt/upper /mnt/work /mnt/bin /mnt/pod
    program() { printf '#!/bin/sh\\n' > "$1"; chmod 755 "$1"; }
    ${prepare}
    mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay ${rootfs}
    mkdir -p ${rootfs}/host/proc
    mount --rbind /proc ${rootfs}/host/proc
    PATH=${path} exec /bin/sh -c '${shim}' shim "$@"`;
  const agent = [process.execPath, '--input-type=module', '--eval', ask];
  return await run(['unshare', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-euc', node, 'sh', ...agent]);
}

test('the runtime is the one that the parent of our own container looks up', async () => {
  expect(await found('/mnt/none:/mnt/bin:/usr/bin:/bin', 'program /mnt/bin/runc')).toMatchObject({ code: 0, stdout: '/mnt/bin/runc' });
});

test('a process of a pod cannot choose it, whatever it is called and whatever its PATH', async () => {
  const forge = `
    program /mnt/pod/runc; program /mnt/bin/runc
    cp /bin/sleep /mnt/pod/containerd; chown -R 1000:1000 /mnt/pod
    PATH=/mnt/pod /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups /mnt/pod/containerd 30 &
    PATH=/mnt/pod /usr/bin/unshare --mount /mnt/pod/containerd 30 &
    until [ "$(cat /proc/[0-9]*/comm | grep -cx containerd)" = 2 ]; do sleep 0.02; done`;
  expect(await found('/mnt/bin:/usr/bin:/bin', forge)).toMatchObject({ code: 0, stdout: '/mnt/bin/runc' });
});

test.each([
  ['is not that of root', 'program /mnt/bin/runc; chown 1000 /mnt/bin/runc', '/mnt/bin/runc'],
  ['others may write to', 'program /mnt/bin/runc; chmod 757 /mnt/bin/runc', '/mnt/bin/runc'],
  ['lies where others may put another', 'program /mnt/bin/runc; chmod 1777 /mnt/bin', '/mnt/bin'],
  ['is a link through the folder of a pod', 'program /mnt/pod/runc; ln -s /mnt/pod/runc /mnt/bin/runc; chown 1000 /mnt/pod', '/mnt/pod'],
])('a runtime that %s is not run', async (_what, prepare, named) => {
  const { code, stdout, stderr } = await found('/mnt/bin:/usr/bin:/bin', prepare);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(`Error: ${named} on this node can be changed by others than root`);
});

test('links of root are followed as the node follows them', async () => {
  const prepare = 'mkdir /mnt/real; program /mnt/real/runc-1; ln -s runc-1 /mnt/real/runc; ln -s ../../mnt/real/runc /mnt/bin/runc';
  expect(await found('/mnt/bin:/usr/bin:/bin', prepare)).toMatchObject({ code: 0, stdout: '/mnt/bin/runc' });
});

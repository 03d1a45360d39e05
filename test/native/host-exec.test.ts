import { copyFile, mkdir, mkdtemp, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must, run, type RunResult } from '../../build/run.ts';

const native = join(import.meta.dirname, '../../native');
let folder = '';
let hostExec = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'host-exec-'));
  hostExec = join(folder, 'host-exec');
  await must([
    'gcc',
    '-std=c11',
    '-D_GNU_SOURCE',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    `-DNODE_DIR="${join(folder, 'node')}"`,
    '-o',
    hostExec,
    join(native, 'host-exec.c'),
  ]);
  const program =
    '#include <stdio.h>\nint main(int n, char **v) { FILE *f = fopen(v[n - 1], "r"); int c; while (f && (c = getc(f)) != EOF) putchar(c); return !f; }';
  await writeFile(join(folder, 'show.c'), program);
  await must(['gcc', '-static', '-o', join(folder, 'show'), join(folder, 'show.c')]);
  await writeFile(
    join(folder, 'wait.c'),
    '#include <unistd.h>\nint main(void) { char c; write(1, "in\\n", 3); return read(0, &c, 1) < 0; }',
  );
  await must(['gcc', '-static', '-o', join(folder, 'wait'), join(folder, 'wait.c')]);
}, 60_000);

afterAll(async () => rm(folder, { recursive: true, force: true }));

/** Runs a script in namespaces of its own, whose first process stands for the node's. */
async function onNode(script: string): Promise<RunResult> {
  return await run(['unshare', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-euc', script]);
}

test('a tool in its jail reads the files of its folder', async () => {
  const jail = join(folder, 'jail-in');
  await mkdir(jail);
  await copyFile(join(folder, 'show'), join(jail, 'show'));
  await writeFile(join(jail, 'file'), 'mine');
  expect(await onNode(`exec ${hostExec} jail /proc ${jail} ./show file`)).toMatchObject({ code: 0, stdout: 'mine' });
});

test.each(['../../../../../../etc/hostname', '/etc/hostname', '/proc/1/root/etc/hostname'])(
  'nothing leads a tool out of its jail, not a link to %s',
  async (target) => {
    const jail = await mkdtemp(join(folder, 'jail-'));
    await copyFile(join(folder, 'show'), join(jail, 'show'));
    await symlink(target, join(jail, 'link'));
    await mkdir(join(jail, 'etc'));
    const result = await onNode(`exec ${hostExec} jail /proc ${jail} ./show link`);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(await onNode(`exec ${hostExec} jail /proc ${jail} ./show ${target}`)).toMatchObject({ code: 1, stdout: '' });
  },
);

test('a folder beside the tool’s own can be read and not written, and nothing leads out of it', async () => {
  const [jail, beside] = await Promise.all([mkdtemp(join(folder, 'jail-')), mkdtemp(join(folder, 'beside-'))]);
  await copyFile(join(folder, 'show'), join(jail, 'show'));
  await writeFile(join(beside, 'file'), 'other');
  await symlink('../../../../../../etc/hostname', join(beside, 'link'));
  await writeFile(
    join(folder, 'add.c'),
    '#include <errno.h>\n#include <fcntl.h>\nint main(void) { return open("/o/new", O_CREAT | O_WRONLY, 0600) < 0 ? errno : 0; }',
  );
  await must(['gcc', '-static', '-o', join(jail, 'add'), join(folder, 'add.c')]);
  const jailed = async (command: string): Promise<RunResult> => onNode(`exec ${hostExec} jail-beside /proc ${jail} ${beside} ${command}`);
  expect(await jailed('./show /o/file')).toMatchObject({ code: 0, stdout: 'other' });
  expect(await jailed('./show /o/link')).toMatchObject({ code: 1, stdout: '' });
  expect(await jailed('./add')).toMatchObject({ code: constants.errno.EROFS });
});

test('a root file system that the node unmounts while a tool has it beside its folder is no hindrance', async () => {
  const at = await mkdtemp(join(folder, 'rootfs-'));
  const script = `
    cd ${at}; mkdir image upper work root; cp ${folder}/wait upper
    mount -t overlay overlay -o lowerdir=image,upperdir=upper,workdir=work root
    mkfifo go said; exec 3<>go
    ${hostExec} jail-beside /proc ${at}/upper ${at}/root ./wait < go > said & tool=$!
    read answer < said
    umount root; rm -r upper root; ls
    echo >&3; wait $tool`;
  expect(await onNode(script)).toMatchObject({ code: 0, stdout: 'go\nimage\nsaid\nwork\n', stderr: '' });
});

test('what outlives the helper works in its folder, and is the last that the kernel kills for memory', async () => {
  const work = await mkdtemp(join(folder, 'work-'));
  const result = await onNode(
    `echo 1000 > /proc/self/oom_score_adj; exec ${hostExec} outlive /proc ${work} sh -c 'pwd; cat /proc/self/oom_score_adj'`,
  );
  expect(result.code).toBe(0);
  const [cwd, score] = result.stdout.split('\n');
  expect(cwd).toBe(work);
  expect(Number(score)).toBeLessThanOrEqual(0);
});

test('it leaves the cgroup of the helper', async () => {
  const helper = await mkdtemp('/sys/fs/cgroup/freezer/kubectl-migrate-test-');
  const result = await onNode(
    `echo $$ > ${helper}/cgroup.procs; exec ${hostExec} outlive /proc / sh -c 'grep :freezer: /proc/self/cgroup'`,
  );
  expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/:freezer:\/\n$/) });
  await rmdir(helper);
});

test('where the root takes no processes it goes into a leaf of ours', async () => {
  const unified = await mkdtemp(join(folder, 'unified-'));
  const result = await onNode(`
    mount -t cgroup2 none ${unified}
    echo +hugetlb > ${unified}/cgroup.subtree_control
    node=$(mktemp -d ${unified}/kubectl-migrate-test-XXXXXX)
    mkdir $node/helper
    echo +hugetlb > $node/cgroup.subtree_control
    mount --bind $node /sys/fs/cgroup
    sh -c 'echo $$ > /sys/fs/cgroup/helper/cgroup.procs; exec ${hostExec} outlive /proc / sh -c "grep ^0: /proc/self/cgroup"'
    rmdir $node/helper $node/kubectl-migrate
    umount /sys/fs/cgroup
    rmdir $node
    echo -hugetlb > ${unified}/cgroup.subtree_control
  `);
  expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/^0::\/kubectl-migrate-test-\w+\/kubectl-migrate\n$/) });
});

test('a volume that the node gives up while a tool is in its jail is free', async () => {
  const [jail, volume] = [join(folder, 'jail-held'), join(folder, 'volume')];
  await mkdir(jail);
  await mkdir(volume);
  await copyFile(join(folder, 'wait'), join(jail, 'wait'));
  const script = `
    cd ${folder}; truncate -s 8M image; mkfs.ext4 -q image; mount -o loop image volume
    mkfifo go said; exec 3<>go
    ${hostExec} jail /proc ${jail} ./wait < go > said & tool=$!
    read answer < said
    umount volume
    for i in $(seq 50); do [ -z "$(losetup -j image)" ] && break; sleep 0.1; done
    echo "used by: $(losetup -j image)"
    echo >&3; wait $tool`;
  expect(await onNode(script)).toMatchObject({ code: 0, stdout: 'used by: \n' });
});

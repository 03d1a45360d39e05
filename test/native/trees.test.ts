import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { aged, buildTreePrograms, contentOf, marking, marksIn, type Programs } from './trees.ts';

let programs: Programs;

beforeAll(async () => {
  programs = await buildTreePrograms();
}, 60_000);
afterAll(async () => programs.remove());

describe('what is in a folder comes to its copy, and so does what changes later', () => {
  test('names are bytes, and none means anything', async () => {
    const names = [
      'caf\\351.txt',
      '\\377\\376',
      'r\\351sum\\351/inner',
      'new\\012line',
      '-rf',
      '--checkpoint=1',
      'back\\134slash\\134n',
      ' space ',
      '*',
      '{a,b}',
      '\\001\\177',
      '\\303\\274n\\303\\257code',
      'u\\314\\210',
      'x'.repeat(255),
      'tab\\011there',
      '.hidden',
      '# file: a',
    ];
    const make = (text: string): string =>
      names
        .map((name) => `n=$(printf '%b.' '${name}'); n=\${n%.}; mkdir -p -- "$(dirname -- "./$n")"; printf '%s' '${text}' > "./$n"`)
        .join('\n');
    const { folder, copy } = await programs.pair(make('first'));
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    expect((await contentOf(folder)).length).toBeGreaterThan(names.length);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
    const removed = names.slice(0, 8).map((name) => `n=$(printf '%b.' '${name}'); rm -- "./\${n%.}"`);
    await must(['sh', '-euc', `${make('second')}\n${removed.join('\n')}`], { cwd: folder });
    await programs.bring(packer.last([]), copy);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
  });

  test('any names, in any depth', async () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 40 })
      .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x5c : byte))))
      .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')));
    const path = fc.array(name, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(path, { maxLength: 12 }), fc.array(path, { maxLength: 6 }), async (first, second) => {
        const { folder, copy } = await programs.pair(':', '/dev/shm');
        const fill = async (paths: readonly (readonly Buffer[])[]): Promise<void> => {
          for (const parts of paths) {
            const at = Buffer.concat([Buffer.from(folder), ...parts.flatMap((part) => [Buffer.from('/'), part])]);
            await mkdir(Buffer.concat([Buffer.from(folder), ...parts.slice(0, -1).flatMap((part) => [Buffer.from('/'), part])]), {
              recursive: true,
            })
              .then(async () => writeFile(at, at))
              .catch(() => undefined); // a file is in the place of a folder, or the other way round
          }
        };
        await fill(first);
        const packer = programs.pack(folder);
        await programs.bring(packer.base(), copy);
        await must(['sh', '-c', 'find . -mindepth 1 -depth -name "*[a-m]*" -delete 2>/dev/null || true'], { cwd: folder });
        await fill(second);
        await programs.bring(packer.last([]), copy);
        expect(await contentOf(copy)).toEqual(await contentOf(folder));
        await rm(folder, { recursive: true });
      }),
      { numRuns: 8 },
    );
  }, 180_000);

  test('kinds, modes, owners, links and holes; a thing takes the place of whatever was there', async () => {
    const { folder, copy } = await programs.pair(`
      mkdir -p a/b file-then-folder.d link-target; echo 1 > a/b/one; ln a/b/one a/hard; ln -s a/b link; mkfifo pipe
      echo x > to-folder; mkdir -p to-file/deep; echo x > to-file/deep/x; ln -s a to-folder-2; echo x > to-link
      truncate -s 1M hole; echo s > setuid; chown 12:34 setuid; chmod 4711 setuid; python3 -c 'import os; os.setxattr("setuid", "user.note", b"kept")'`);
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
    expect((await stat(join(copy, 'hole'))).blocks).toBe(0);
    expect((await stat(join(copy, 'a/hard'))).ino).toBe((await stat(join(copy, 'a/b/one'))).ino);
    expect(await must(['python3', '-c', 'import os; print(os.getxattr("setuid", "user.note"))'], { cwd: copy })).toBe("b'kept'\n");
    await must(
      [
        'sh',
        '-euc',
        'rm to-folder to-folder-2 to-link; mkdir -p to-folder/x to-folder-2/y; rm -r to-file; echo y > to-file; ln -s a to-link; echo 2 >> a/hard',
      ],
      { cwd: folder },
    );
    await programs.bring(packer.last([]), copy);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
  });

  test('the marks that an overlay inside of the pod has made', async () => {
    const names = ['user.overlay.opaque', 'trusted.overlay.opaque', 'trusted.overlay.redirect'];
    const { folder, copy } = await programs.pair(
      ['mkdir -p layer/d', ...names.map((name) => marking('layer/d', name, 'y')), 'mknod layer/gone c 0 0'].join('\n'),
    );
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    expect(await marksIn(copy)).toEqual(names.map((name) => `layer/d ${name} y`).toSorted());
    expect(await must(['stat', '-c', '%F %t %T', 'layer/gone'], { cwd: copy })).toBe('character special file 0 0\n');
    await must(['sh', '-euc', marking('layer/d', 'trusted.overlay.opaque', 'x')], { cwd: folder });
    await programs.bring(packer.last([]), copy);
    expect(await marksIn(copy)).toContain('layer/d trusted.overlay.opaque x');
  });

  test('only what changed travels the second time', async () => {
    const { folder, copy } = await programs.pair('mkdir d; for i in 1 2 3; do head -c 100000 /dev/urandom > d/$i; done');
    await aged();
    const packer = programs.pack(folder);
    const first = await programs.bring(packer.base(), copy);
    await must(['sh', '-euc', 'echo more >> d/2; rm d/3; echo new > d/4'], { cwd: folder });
    const second = await programs.bring(packer.last([]), copy);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
    expect(first.bytes).toBeGreaterThan(300_000);
    expect(second.bytes).toBeLessThan(140_000);
    expect(second.gone.toSorted()).toEqual(['rd/3', 'rd/4']);
  });

  test('and only that is read again, however many files there are', async () => {
    const files = 1_000;
    const { folder, copy } = await programs.pair(`mkdir d; for i in $(seq ${files}); do echo $i > d/$i; done`);
    await aged();
    // Counts those of programs that it has waited for as well.
    const noted = join(programs.folder, 'many.pid');
    const packer = programs.pack(folder, { inside: (_, command) => ['sh', '-c', 'echo $$ > "$0"; exec "$@"', noted, ...command] });
    let before = 0;
    const reads = async (): Promise<number> => {
      const counted = await readFile(`/proc/${(await readFile(noted, 'utf8')).trim()}/io`, 'utf8');
      const now = Number(/^syscr: (\d+)$/m.exec(counted)?.[1]);
      const since = now - before;
      before = now;
      return since;
    };
    await programs.bring(packer.base(), copy);
    expect(await reads()).toBeGreaterThan(files);
    await must(['sh', '-c', 'echo new > d/7'], { cwd: folder });
    await programs.bring(packer.last([]), copy);
    expect(await reads()).toBeLessThan(files / 10);
    expect(await readFile(join(copy, 'd/7'), 'utf8')).toBe('new\n');
  });

  test('nothing, when nothing changed', async () => {
    const { folder, copy } = await programs.pair('mkdir d; echo x > d/x; mkfifo d/pipe');
    await aged();
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    expect(await programs.bring(packer.last([]), copy)).toEqual({ gone: [], bytes: 0 });
  });

  test('of a tree of which only some is wanted, only that', async () => {
    const { folder, copy } = await programs.pair('mkdir ..2026_x other; echo x > ..2026_x/x; echo y > other/y; ln -s ..2026_x ..data');
    const packer = programs.pack(folder, { only: ['..2026_x'] });
    await programs.bring(packer.base(), copy);
    expect(await must(['find', '.', '-mindepth', '1'], { cwd: copy })).toBe('./..2026_x\n./..2026_x/x\n');
    expect(await programs.pack(folder, { only: ['..2026_x'] }).bytes(60_000)).toEqual({ all: 2, young: 2 });
    await aged();
    expect(await programs.pack(folder).bytes(1_000)).toMatchObject({ young: 0 });
  });
});

describe('changes without a trace', () => {
  /** Runs the mapper on a file; each letter is carried out when the promise is fulfilled. */
  function mapper(file: string): (orders: string) => Promise<void> {
    const child = spawn(join(programs.folder, 'mapper'), [file], { stdio: ['pipe', 'pipe', 'inherit'] });
    return async (orders) => {
      for (const order of orders) {
        child.stdin.write(order);
        await once(child.stdout, 'data');
      }
    };
  }

  test('a page on disk that was written before the first round, and is written again after it through the same mapping', async () => {
    const { folder, copy } = await programs.pair('head -c 4096 /dev/zero > page; touch -d "1 hour ago" page');
    const map = mapper(join(folder, 'page'));
    await map('mrw');
    await aged();
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    await aged();
    await map('wu');
    await programs.bring(packer.last([]), copy);
    expect((await readFile(join(copy, 'page')))[0]).toBe(2);
  });

  test('a page in memory that was read before it was written', async () => {
    const { folder, copy } = await programs.pair('head -c 4096 /dev/zero > page', '/dev/shm');
    try {
      const map = mapper(join(folder, 'page'));
      await aged();
      const packer = programs.pack(folder);
      await programs.bring(packer.base(), copy);
      const before = await stat(join(folder, 'page'), { bigint: true });
      await map('mrwu');
      const after = await stat(join(folder, 'page'), { bigint: true });
      expect([after.mtimeNs, after.ctimeNs]).toEqual([before.mtimeNs, before.ctimeNs]);
      await programs.bring(packer.last([]), copy);
      expect((await readFile(join(copy, 'page')))[0]).toBe(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a byte in memory that was another one just while it was packed', async () => {
    const { folder, copy } = await programs.pair('head -c 4096 /dev/zero > lock', '/dev/shm');
    const flip = (value: number): string =>
      `python3 -c 'import mmap; f = open("lock", "r+b"); m = mmap.mmap(f.fileno(), 4096); m[0]; m[0] = ${value}'`;
    const path = await mkdtemp(join(programs.folder, 'path-'));
    await writeFile(join(path, 'tar'), `#!/bin/sh\nPATH=\${PATH#*:}\n${flip(1)}\ntar "$@"\n${flip(0)}\n`);
    await chmod(join(path, 'tar'), 0o755);
    try {
      await aged();
      const packer = programs.pack(folder, { path });
      await programs.bring(packer.base(), copy);
      expect((await readFile(join(copy, 'lock')))[0]).toBe(1);
      await writeFile(join(path, 'tar'), `#!/bin/sh\nPATH=\${PATH#*:}\nexec tar "$@"\n`);
      await programs.bring(packer.last([]), copy);
      expect((await readFile(join(copy, 'lock')))[0]).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('what did not change in memory does not travel again, though its stamps are not believed', async () => {
    const name = `$(printf 'r\\351sum\\351%0120d' 0)`;
    const script = `mkdir d; : > empty; head -c 300001 /dev/urandom > big; echo linked > d/one; ln d/one two; head -c 5000 /dev/zero > "${name}"; touch -d @7 empty; echo x > other`;
    const { folder, copy } = await programs.pair(script, '/dev/shm');
    try {
      await aged();
      const packer = programs.pack(folder);
      expect((await programs.bring(packer.base(), copy)).bytes).toBeGreaterThan(300_000);
      await must(['sh', '-c', 'echo y > other'], { cwd: folder });
      const { ino } = await stat(join(folder, 'big'), { bigint: true });
      const { gone, bytes } = await programs.bring(packer.last([ino]), copy);
      expect({ gone, isLittle: bytes < 30_000 }).toEqual({ gone: [], isLittle: true });
      expect(await contentOf(copy)).toEqual(await contentOf(folder));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a file that a process has mapped writable, whatever its stamps say', async () => {
    const { folder, copy } = await programs.pair('echo x > mapped; ln mapped same; echo y > other');
    await aged();
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    const { ino } = await stat(join(folder, 'mapped'), { bigint: true });
    await rm(join(copy, 'mapped'));
    await rm(join(copy, 'same'));
    await programs.bring(packer.last([5n, ino, 3n]), copy);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
  });

  test('a file that changed just before the first round, as a later write could carry the same time', async () => {
    const { folder, copy } = await programs.pair('echo x > young');
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    await rm(join(copy, 'young'));
    await programs.bring(packer.last([]), copy);
    expect(await readFile(join(copy, 'young'), 'utf8')).toBe('x\n');
  });

  test('a folder that was elsewhere while the first round packed it', async () => {
    const { folder, copy } = await programs.pair('mkdir -p d/sub; echo x > d/sub/x');
    await aged();
    const path = await mkdtemp(join(programs.folder, 'path-'));
    await writeFile(join(path, 'tar'), `#!/bin/sh\nmv d e\nPATH=\${PATH#*:}\ntar "$@"\ncode=$?\nmv e d\nexit $code\n`);
    await chmod(join(path, 'tar'), 0o755);
    const packer = programs.pack(folder, { path });
    await programs.bring(packer.base(), copy);
    expect(await contentOf(copy)).toEqual(['']);
    await writeFile(join(path, 'tar'), `#!/bin/sh\nPATH=\${PATH#*:}\nexec tar "$@"\n`);
    await programs.bring(packer.last([]), copy);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
  });

  test('when all stands still, a file that cannot be packed is an error and is named', async () => {
    const { folder, copy } = await programs.pair('echo x > kept; echo y > lost');
    const path = await mkdtemp(join(programs.folder, 'path-'));
    await writeFile(join(path, 'tar'), `#!/bin/sh\nrm -f lost\nPATH=\${PATH#*:}\nexec tar "$@"\n`);
    await chmod(join(path, 'tar'), 0o755);
    const packer = programs.pack(folder, { path });
    await expect(programs.bring(packer.last([]), copy)).rejects.toThrow(/^cannot pack volume\.test: tar: .*lost/);
  });
});

describe('a list from another node', () => {
  test.each(['', 'r', 'r/etc', 'r../x', 'ra/../../x', 'r.', 'ra/./x', 'ra//x', 'ra/', 'e..', 'e.', 'xa', 'r\n/../x/..'])(
    'is refused with %j in it',
    async (record) => {
      const { folder, copy } = await programs.pair('mkdir -p a; echo x > a/x');
      await writeFile(join(copy, 'kept'), 'x');
      await expect(programs.unpack(join(copy), Buffer.from(`${record}\0rkept\0`))).rejects.toThrow(/the list of what must go has it/);
      expect(await readFile(join(copy, 'kept'), 'utf8')).toBe('x');
      expect(await readFile(join(folder, 'a/x'), 'utf8')).toBe('x\n');
    },
  );

  test('is refused when it ends within a name', async () => {
    const { copy } = await programs.pair(':');
    await writeFile(join(copy, 'kept'), 'x');
    await expect(programs.unpack(copy, Buffer.from('rkept'))).rejects.toThrow(/ends within it/);
    expect(await readFile(join(copy, 'kept'), 'utf8')).toBe('x');
  });

  test('leads through no link', async () => {
    const { folder, copy } = await programs.pair('mkdir a; echo x > a/x');
    await symlink(folder, join(copy, 'link'));
    await programs.unpack(copy, Buffer.from('rlink/a/x\0elink/a\0'));
    expect(await readFile(join(folder, 'a/x'), 'utf8')).toBe('x\n');
    await programs.unpack(copy, Buffer.from('elink\0'));
    expect(await contentOf(copy)).toEqual(['']);
    expect(await readFile(join(folder, 'a/x'), 'utf8')).toBe('x\n');
  });

  test('takes away whole folders, however full, and minds nothing that is not there', async () => {
    const { copy } = await programs.pair(':');
    await must(['sh', '-euc', 'mkdir -p d/e/f; for i in $(seq 3000); do : > d/e/$i; done; : > kept'], { cwd: copy });
    await programs.unpack(copy, Buffer.from('rd\0rd/e/1\0rnothing\0enothing/at/all\0'));
    expect(await must(['ls', copy])).toBe('kept\n');
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { buildTreePrograms, contentOf, Overlay, type Programs } from './trees.ts';

let programs: Programs;

beforeAll(async () => {
  programs = await buildTreePrograms();
}, 60_000);
afterAll(async () => programs.remove());

/** A folder and its copy; `script` fills the folder. Nothing in it is so young that its stamps are not believed. */
async function pair(script: string, where = programs.folder): Promise<{ folder: string; copy: string }> {
  const [folder, copy] = await Promise.all([mkdtemp(join(where, 'from-')), mkdtemp(join(programs.folder, 'copy-'))]);
  await must(['sh', '-euc', script], { cwd: folder });
  return { folder, copy };
}

const old = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_100));

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
    const { folder, copy } = await pair(make('first'));
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
        const { folder, copy } = await pair(':', '/dev/shm');
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
    const { folder, copy } = await pair(`
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

  test('only what changed travels the second time', async () => {
    const { folder, copy } = await pair('mkdir d; for i in 1 2 3; do head -c 100000 /dev/urandom > d/$i; done');
    await old();
    const packer = programs.pack(folder);
    const first = await programs.bring(packer.base(), copy);
    await must(['sh', '-euc', 'echo more >> d/2; rm d/3; echo new > d/4'], { cwd: folder });
    const second = await programs.bring(packer.last([]), copy);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
    expect(first.bytes).toBeGreaterThan(300_000);
    expect(second.bytes).toBeLessThan(140_000);
    expect(second.gone.toSorted()).toEqual(['rd/3', 'rd/4']);
  });

  test('nothing, when nothing changed', async () => {
    const { folder, copy } = await pair('mkdir d; echo x > d/x; mkfifo d/pipe');
    await old();
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    expect(await programs.bring(packer.last([]), copy)).toEqual({ gone: [], bytes: 0 });
  });

  test('of a tree of which only some is wanted, only that', async () => {
    const { folder, copy } = await pair('mkdir ..2026_x other; echo x > ..2026_x/x; echo y > other/y; ln -s ..2026_x ..data');
    const packer = programs.pack(folder, { only: ['..2026_x'] });
    await programs.bring(packer.base(), copy);
    expect(await must(['find', '.', '-mindepth', '1'], { cwd: copy })).toBe('./..2026_x\n./..2026_x/x\n');
    expect(await programs.pack(folder, { only: ['..2026_x'] }).bytes(60_000)).toEqual({ all: 2, young: 2 });
    await old();
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
    const { folder, copy } = await pair('head -c 4096 /dev/zero > page; touch -d "1 hour ago" page');
    const map = mapper(join(folder, 'page'));
    await map('mrw');
    await old();
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    await old();
    await map('wu');
    await programs.bring(packer.last([]), copy);
    expect((await readFile(join(copy, 'page')))[0]).toBe(2);
  });

  test('a page in memory that was read before it was written', async () => {
    const { folder, copy } = await pair('head -c 4096 /dev/zero > page', '/dev/shm');
    try {
      const map = mapper(join(folder, 'page'));
      await old();
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
    const { folder, copy } = await pair('head -c 4096 /dev/zero > lock', '/dev/shm');
    const flip = (value: number): string =>
      `python3 -c 'import mmap; f = open("lock", "r+b"); m = mmap.mmap(f.fileno(), 4096); m[0]; m[0] = ${value}'`;
    const path = await mkdtemp(join(programs.folder, 'path-'));
    await writeFile(join(path, 'tar'), `#!/bin/sh\nPATH=\${PATH#*:}\n${flip(1)}\ntar "$@"\n${flip(0)}\n`);
    await chmod(join(path, 'tar'), 0o755);
    try {
      await old();
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
    const { folder, copy } = await pair(script, '/dev/shm');
    try {
      await old();
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
    const { folder, copy } = await pair('echo x > mapped; ln mapped same; echo y > other');
    await old();
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    const { ino } = await stat(join(folder, 'mapped'), { bigint: true });
    await rm(join(copy, 'mapped'));
    await rm(join(copy, 'same'));
    await programs.bring(packer.last([5n, ino, 3n]), copy);
    expect(await contentOf(copy)).toEqual(await contentOf(folder));
  });

  test('a file that changed just before the first round, as a later write could carry the same time', async () => {
    const { folder, copy } = await pair('echo x > young');
    const packer = programs.pack(folder);
    await programs.bring(packer.base(), copy);
    await rm(join(copy, 'young'));
    await programs.bring(packer.last([]), copy);
    expect(await readFile(join(copy, 'young'), 'utf8')).toBe('x\n');
  });

  test('a folder that was elsewhere while the first round packed it', async () => {
    const { folder, copy } = await pair('mkdir -p d/sub; echo x > d/sub/x');
    await old();
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
    const { folder, copy } = await pair('echo x > kept; echo y > lost');
    const path = await mkdtemp(join(programs.folder, 'path-'));
    await writeFile(join(path, 'tar'), `#!/bin/sh\nrm -f lost\nPATH=\${PATH#*:}\nexec tar "$@"\n`);
    await chmod(join(path, 'tar'), 0o755);
    const packer = programs.pack(folder, { path });
    await expect(programs.bring(packer.last([]), copy)).rejects.toThrow(/^cannot pack volume\.test: tar: .*lost/);
  });
});

describe('the upper layer of an overlay', () => {
  const image =
    'mkdir -p upper image/d image/gone image/app/sub/deep; for f in d/one d/two gone/x app/a app/sub/b app/sub/deep/c plain; do echo image > image/$f; done; ln -s d image/link; head -c 200000 /dev/urandom > image/big; cp image/big image/app/sub/big';
  const defaults = 'redirect_dir=off,metacopy=off';
  const everything = 'redirect_dir=on,metacopy=on';

  /** First the one script in the container, then a round, then the other, then the second round: the copy began as the image. */
  async function copied(before: string, after: string, options = defaults): Promise<{ copy: string; view: string[]; gone: string[] }> {
    const { folder: at, copy } = await pair(image);
    await must(['cp', '-a', `${at}/image/.`, copy]);
    const container = await Overlay.mount(at, options);
    try {
      await container.run(before);
      await old();
      const packer = container.pack(programs);
      await programs.bring(packer.base(), copy);
      await container.run(after);
      const { gone } = await programs.bring(packer.last([]), copy);
      return { copy, view: await container.content(), gone };
    } finally {
      await container.unmount();
    }
  }

  /** What {@link copied} brings is what the container sees, and has all of these. */
  async function expectCopied(before: string, after: string, paths: readonly string[], options = defaults): Promise<string[]> {
    const { copy, view, gone } = await copied(before, after, options);
    expect(view.map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(paths.map((path) => `./${path}`)));
    expect(await contentOf(copy)).toEqual(view);
    return gone;
  }

  describe.each([defaults, everything, 'userxattr'])('mounted with %s', (options) => {
    test('what was deleted, and what hides the image', async () => {
      const before = 'rm d/one plain; rm -r gone; mkdir gone; echo new > gone/y; rm link; mkdir link; echo z > link/z';
      await expectCopied(before, 'rm d/two; echo back > plain', ['gone/y'], options);
    });

    test('what lies unchanged in a folder that hides the image’s stays, when something else changes', async () => {
      const before = 'rm -r d; mkdir d; echo 3 > d/three; mkdir d/sub; echo 4 > d/sub/four; echo > log';
      await expectCopied(before, 'echo line >> log', ['d/three', 'd/sub/four'], options);
    });

    test('what is moved unchanged into a folder that is made again', async () => {
      const before = 'mkdir app/fresh; echo 1 > app/fresh/one; rm -r app; mkdir -p app/fresh; echo 1 > app/fresh/one';
      await expectCopied(before, 'mv app old; mkdir app; mv old/fresh app/fresh; rm -r old', ['app/fresh/one'], options);
    });
  });

  describe('in which things of the image are only named', () => {
    test.each([
      ['before the first round', 'chown 1000 big; chmod 600 app/sub/big; mv big moved; ln moved hard', ':'],
      ['after it', ':', 'chown 1000 big; chmod 600 app/sub/big; mv big moved; ln moved hard'],
      ['on both sides of it', 'chown 1000 big; ln big hard', 'mv big moved; chmod 600 app/sub/big'],
    ])('files that changed their owner, mode or name %s', async (_, before, after) => {
      await expectCopied(before, after, ['moved', 'hard', 'app/sub/big'], everything);
    });

    test('a file whose content comes into the layer after the first round', async () => {
      await expectCopied('chown 1000 big app/sub/big', 'echo more >> big; : >> app/sub/big', ['big'], everything);
    });

    test.each([
      ['before the first round', 'mv app moved; echo new > moved/sub/new; rm moved/sub/b', 'echo last > moved/sub/last; rm moved/a'],
      ['after it', 'echo new > app/sub/new', 'mv app moved; rm moved/sub/b'],
      ['twice', 'mv app between', 'mv between moved; echo new > moved/new'],
      ['into a folder that was moved', 'mv app moved; mv moved/sub sub', 'mv d moved/d; mv sub moved/again'],
      ['into a folder that is new', 'mkdir moved; mv app moved/app', 'mv d moved/d; rm moved/app/sub/b'],
      ['and back', 'mv app moved; rm moved/a', 'mv moved app; mkdir moved'],
      ['to where the image has another', 'rm -r gone; mv app gone; mkdir moved', 'rm moved -r; mv d moved'],
      ['to where the image has a file', 'rm plain; mv app plain; mkdir moved', 'rm link; mv d link'],
      ['and made again', 'mv app moved; mkdir app; echo own > app/own', 'mv app other; mkdir -p app/sub; echo 2 > app/sub/own'],
      ['and exchanged', 'mkdir moved; echo 1 > d/own', 'mv app aside; mv d app; mv aside d'],
    ])('folders that were moved %s', async (_, before, after) => {
      await expectCopied(before, after, ['moved'], everything);
    });

    test('what lies unchanged in a folder that was moved does not travel again', async () => {
      expect(await expectCopied('mv app moved; echo > log', 'echo line >> log', ['moved/sub/deep/c'], everything)).toEqual([]);
    });

    test('a folder that is gone again, with what the image has in it', async () => {
      await expectCopied('mv app moved', 'rm -r moved/sub; mv moved/a kept', ['kept', 'moved'], everything);
    });
  });
});

describe('a list from another node', () => {
  test.each(['', 'r', 'r/etc', 'r../x', 'ra/../../x', 'r.', 'ra/./x', 'ra//x', 'ra/', 'e..', 'e.', 'xa', 'r\n/../x/..'])(
    'is refused with %j in it',
    async (record) => {
      const { folder, copy } = await pair('mkdir -p a; echo x > a/x');
      await writeFile(join(copy, 'kept'), 'x');
      await expect(programs.unpack(join(copy), Buffer.from(`${record}\0rkept\0`))).rejects.toThrow(/the list of what must go has it/);
      expect(await readFile(join(copy, 'kept'), 'utf8')).toBe('x');
      expect(await readFile(join(folder, 'a/x'), 'utf8')).toBe('x\n');
    },
  );

  test('is refused when it ends within a name', async () => {
    const { copy } = await pair(':');
    await writeFile(join(copy, 'kept'), 'x');
    await expect(programs.unpack(copy, Buffer.from('rkept'))).rejects.toThrow(/ends within it/);
    expect(await readFile(join(copy, 'kept'), 'utf8')).toBe('x');
  });

  test('leads through no link', async () => {
    const { folder, copy } = await pair('mkdir a; echo x > a/x');
    await symlink(folder, join(copy, 'link'));
    await programs.unpack(copy, Buffer.from('rlink/a/x\0elink/a\0'));
    expect(await readFile(join(folder, 'a/x'), 'utf8')).toBe('x\n');
    await programs.unpack(copy, Buffer.from('elink\0'));
    expect(await contentOf(copy)).toEqual(['']);
    expect(await readFile(join(folder, 'a/x'), 'utf8')).toBe('x\n');
  });

  test('takes away whole folders, however full, and minds nothing that is not there', async () => {
    const { copy } = await pair(':');
    await must(['sh', '-euc', 'mkdir -p d/e/f; for i in $(seq 3000); do : > d/e/$i; done; : > kept'], { cwd: copy });
    await programs.unpack(copy, Buffer.from('rd\0rd/e/1\0rnothing\0enothing/at/all\0'));
    expect(await must(['ls', copy])).toBe('kept\n');
  });
});

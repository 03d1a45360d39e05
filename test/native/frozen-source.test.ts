import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compileSpin, FreezerPod, freezerVersions } from './freezer-pod.ts';
import { WrapperNode } from './wrapper-node.ts';

let node: WrapperNode;
let spin = '';

beforeAll(async () => {
  node = await WrapperNode.make();
  spin = join(node.folder, 'spin');
  await compileSpin(spin);
}, 60_000);

beforeEach(async () => node.reset());
afterAll(async () => node.remove());

describe.each(freezerVersions)('a container that stands still at its source, by freezer version %i', (version) => {
  const ids = ['c0ffee', 'decaf'];
  let pod: FreezerPod;
  let claim = '';
  let before: number[] = [];

  beforeEach(async () => {
    pod = await FreezerPod.make(version, node.folder, spin);
    claim = join(node.runDir, 'pods/1234-abcd/1');
    await mkdir(claim, { recursive: true });
    for (const id of ids) {
      await pod.run(id);
      await pod.freeze(pod.folderOf(id));
    }
    await writeFile(join(claim, 'frozen'), ids.map((id) => `name-${id}\t${id}\t1\t${pod.folderOf(id)}\n`).join(''));
    before = pod.counts('c0ffee');
  });

  afterEach(async () => pod.remove(ids));

  test.each([
    ['kill', 'c0ffee', 'KILL'],
    ['kill', '--all', 'c0ffee', '9'],
    ['kill', 'c0ffee', 'SIGKILL'],
    ['delete', '--force', 'c0ffee'],
  ])(
    '%s %s %s ends all of its processes without an instruction, leaves its siblings, and the runtime has only to delete it',
    async (...words) => {
      const call = words.filter(Boolean);
      expect(await node.call(call)).toMatchObject({ code: 0, record: call[0] === 'delete' ? call : [] });
      expect(pod.members('c0ffee')).toEqual([]);
      expect(pod.counts('c0ffee')).toEqual(before);
      expect(pod.members('decaf')).toHaveLength(2);
      expect(pod.isFrozen(pod.folderOf('decaf'))).toBe(true);
    },
  );

  test.each([['TERM'], ['15'], ['SIGQUIT'], []])(
    'that somebody wants to stop it (%s) is noted, also when its first process does not mind',
    async (...signal) => {
      const call = ['kill', 'c0ffee', ...signal];
      expect(await node.call(call)).toMatchObject({ code: 0, record: call });
      expect(await readFile(join(claim, 'stopped'), 'utf8')).toBe((signal[0] ?? 'TERM').replace('SIG', ''));
      expect(pod.members('c0ffee')).toHaveLength(2);
      expect(pod.counts('c0ffee')).toEqual(before);
    },
  );

  test.each([
    ['kill', 'c0ffee', 'KILL'],
    ['delete', '--force', 'c0ffee'],
  ])('%s %s %s does not end it when it was handed over, until it is heard that it runs at the peer', async (...words) => {
    const call = words.filter(Boolean);
    await writeFile(join(claim, 'decision'), '{"decision":"committed","migration":"m","pod":"1234-abcd","at":"2026-01-01T00:00:00Z"}\n');
    const { code, record, stderr } = await node.call(call);
    expect({ code, record }).toEqual({ code: 1, record: [] });
    expect(stderr).toContain('its memory may be here alone');
    expect(pod.members('c0ffee')).toHaveLength(2);
    expect(pod.counts('c0ffee')).toEqual(before);
    await writeFile(join(claim, 'running'), '');
    expect(await node.call(call)).toMatchObject({ code: 0 });
    expect(pod.members('c0ffee')).toEqual([]);
  });

  test('its sandbox ends when no relay needs that any more, and not before', async () => {
    await writeFile(join(claim, 'relay'), 'facade\n');
    const relay = spawn('flock', ['--no-fork', join(claim, 'relay'), 'sh', '-c', 'echo locked; exec sleep 1000']);
    const ended = once(relay, 'exit');
    await once(relay.stdout, 'data');
    let isEnded = false;
    const call = node.call(['kill', 'facade', '9']).finally(() => (isEnded = true));
    expect(await node.call(['kill', 'facade', '0'])).toMatchObject({ code: 0 });
    expect(await node.call(['kill', 'other', '9'])).toMatchObject({ code: 0 });
    expect(isEnded).toBe(false);
    relay.kill('SIGKILL');
    expect(await call).toMatchObject({ code: 0 });
    await ended;
    expect(await node.call(['kill', 'facade', '9'])).toMatchObject({ code: 0, record: ['kill', 'facade', '9'] });
  });

  test('nobody lets it run on but its guard', async () => {
    const { code, record, stderr } = await node.call(['resume', 'c0ffee']);
    expect({ code, record }).toEqual({ code: 1, record: [] });
    expect(stderr).toContain('stands still while its pod is moved');
    expect(pod.counts('c0ffee')).toEqual(before);
  });

  test('what does not end it is the runtime’s own business, and so is one that runs', async () => {
    for (const call of [
      ['kill', 'c0ffee', '0'],
      ['state', 'c0ffee'],
      ['delete', 'c0ffee'],
      ['kill', 'other', 'KILL'],
    ]) {
      expect(await node.call(call)).toMatchObject({ code: 0, record: call });
    }
    pod.order(pod.folderOf('c0ffee'), false);
    for (const call of [
      ['resume', 'c0ffee'],
      ['kill', 'c0ffee', 'TERM'],
      ['kill', 'c0ffee', 'KILL'],
    ]) {
      expect(await node.call(call)).toMatchObject({ code: 0, record: call });
    }
    expect(existsSync(join(claim, 'stopped'))).toBe(false);
    expect(pod.members('c0ffee')).toHaveLength(2);
  });
});

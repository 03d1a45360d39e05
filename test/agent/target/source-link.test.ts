import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectToPeer, PeerLink } from '../../../src/agent/peer/link.ts';
import { next } from '../../../src/agent/target/machine.ts';
import { Receiver } from '../../../src/agent/target/receiver.ts';
import { SourceLink } from '../../../src/agent/target/source-link.ts';
import type { Effect, TargetEvent, TargetState, Transition } from '../../../src/agent/target/states.ts';
import type { PeerMessage } from '../../../src/protocol/frames.ts';

const begin: readonly TargetEvent[] = [
  { type: 'await', containers: ['app'], initContainers: [] },
  { type: 'create', id: 'id', container: 'app', podUid: 'uid', sandbox: 'box' },
  { type: 'unpacked', id: 'id' },
];
const hooks = (['setup-namespaces', 'post-setup-namespaces', 'post-restore', 'pre-resume'] as const).map((action) => ({
  type: 'hook' as const,
  action,
  container: 'app',
  pid: 7,
}));
const untilHeld: readonly TargetEvent[] = [
  ...begin,
  { type: 'restorable', container: 'app' },
  { type: 'checkpointed', container: 'app' },
  { type: 'complete' },
  ...hooks,
  { type: 'restored', id: 'id' },
  { type: 'stands', id: 'id' },
];

function stateAfter(events: readonly TargetEvent[]): TargetState {
  let state: TargetState = { at: 'idle', isPrecopied: false };
  for (const event of events) ({ state } = next(state, event));
  return state;
}

/** The target's machine, with what it wanted done. */
class Target {
  state: TargetState;
  readonly done: Effect[] = [];
  constructor(state: TargetState) {
    this.state = state;
  }
  take({ state, effects }: Transition): void {
    this.state = state;
    this.done.push(...effects);
  }
}

describe('a hostile source', () => {
  let folder = '';
  let close: (() => void)[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'target-'));
  });
  afterEach(async () => {
    for (const one of close) one();
    close = [];
    await rm(folder, { recursive: true });
  });

  /** Says all that, and waits for the end of the link. */
  async function hear(target: Target, say: (source: PeerLink) => Promise<void> | void): Promise<void> {
    const key = randomBytes(32).toString('base64');
    const { link, port } = await SourceLink.listen(key, new Receiver(folder, ['app']), target);
    close.push(() => link.close());
    const source = new PeerLink(
      await connectToPeer('127.0.0.1', port, key, 5_000),
      () => undefined,
      () => undefined,
    );
    close.push(() => source.close());
    await say(source);
    await source.closed;
  }
  const messages =
    (...all: readonly PeerMessage[]) =>
    (source: PeerLink): void =>
      all.forEach((message) => source.send(message));

  test.each([
    ['a commit at once', begin.slice(0, 0), [{ type: 'commit' }]],
    ['a commit before anything came', begin, [{ type: 'commit' }]],
    ['the end of everything, and a commit', begin, [{ type: 'complete', files: 0, bytes: 0 }, { type: 'commit' }]],
    [
      'all that a checkpoint has, but no container that was restored',
      begin,
      [
        { type: 'restorable', container: 'app' },
        { type: 'checkpointed', container: 'app' },
        { type: 'complete', files: 0, bytes: 0 },
        { type: 'commit' },
      ],
    ],
    ['the checkpoint of a container that is not awaited', begin, [{ type: 'restorable', container: 'other' }]],
    ['that it is the target', begin, [{ type: 'ready', stage: 'held' }]],
    ['more files than it sent', untilHeld.slice(0, 5), [{ type: 'complete', files: 3, bytes: 10 }]],
  ] satisfies [string, readonly TargetEvent[], PeerMessage[]][])('that says %s gets nothing to run', async (_what, before, said) => {
    const target = new Target(stateAfter(before));
    await hear(target, messages(...said));
    expect(target.state.at).toBe('failed');
    expect(target.done.map((effect) => effect.do)).not.toContain('commit');
    expect(target.done.at(-1)).toMatchObject({ do: 'give up' });
  });

  test.each([
    ['a restorable container', [{ type: 'restorable', container: 'app' }]],
    ['a second commit', [{ type: 'commit' }]],
    [
      'that it has failed, and then a file',
      [
        { type: 'failed', message: 'no' },
        { type: 'open', file: 0, container: 'app', kind: 'image', name: 'x.img' },
      ],
    ],
  ] satisfies [string, PeerMessage[]][])('that says %s when the pod runs changes nothing, and is hung up on', async (_what, said) => {
    const running = stateAfter([...untilHeld, { type: 'commit' }, { type: 'went' }]);
    const target = new Target(running);
    await hear(target, messages(...said));
    expect(target.state).toBe(running);
    expect(target.done).toEqual([]);
    expect(await readdir(join(folder, 'images-app'))).toEqual([]);
  });

  test('that sends bytes of a file that it did not open ends the migration', async () => {
    const target = new Target(stateAfter(begin));
    await hear(target, async (source) => {
      const file = source.openFile('app', 'image', 'a.img');
      await file.write(Buffer.alloc(10));
      file.end();
      await file.write(Buffer.alloc(10));
    });
    expect(target.state).toMatchObject({ at: 'failed', reason: expect.stringContaining('not opened') });
  });

  test('that hangs up while all is held leaves it held', async () => {
    const held = stateAfter(untilHeld);
    const target = new Target(held);
    await hear(target, (source) => source.close());
    expect(target.state).toBe(held);
  });
});

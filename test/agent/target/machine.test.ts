import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { factOf, next } from '../../../src/agent/target/machine.ts';
import { barriers, type Effect, type TargetEvent, type TargetState } from '../../../src/agent/target/states.ts';
import { playThrough } from '../play.ts';

const idle: TargetState = { at: 'idle', isPrecopied: false };
const awaited: TargetEvent = { type: 'await', containers: ['a', 'b'], initContainers: ['init'] };

const create = (container: string, id = `id-${container}`, podUid = 'uid', sandbox = 'box'): TargetEvent => ({
  type: 'create',
  id,
  container,
  podUid,
  sandbox,
});
const hook = (container: string, action: (typeof barriers)[number]): TargetEvent => ({ type: 'hook', container, action, pid: 7 });

/** All that comes in a migration that goes well, in an order that can be. */
const story: readonly TargetEvent[] = [
  { type: 'open' },
  { type: 'precopied' },
  awaited,
  create('init'),
  create('a'),
  { type: 'unpacked', id: 'id-a' },
  { type: 'open' },
  { type: 'restorable', container: 'a' },
  hook('a', 'setup-namespaces'),
  create('b'),
  { type: 'checkpointed', container: 'a' },
  hook('a', 'post-setup-namespaces'),
  { type: 'restorable', container: 'b' },
  hook('b', 'setup-namespaces'),
  hook('a', 'post-restore'),
  hook('b', 'post-setup-namespaces'),
  { type: 'checkpointed', container: 'b' },
  { type: 'complete' },
  hook('b', 'post-restore'),
  hook('b', 'pre-resume'),
  hook('a', 'pre-resume'),
  { type: 'restored', id: 'id-b' },
  { type: 'stands', id: 'id-b' },
  { type: 'restored', id: 'id-a' },
  { type: 'stands', id: 'id-a' },
  { type: 'commit' },
  { type: 'went' },
  { type: 'ended' },
];

function play(events: readonly TargetEvent[], from: TargetState = idle): { state: TargetState; effects: Effect[] } {
  return playThrough(next, events, from);
}

/** The state right before the first event of that type (of that container). */
function before(type: TargetEvent['type'], nth = 0): TargetState {
  const places = story.flatMap((event, index) => (event.type === type ? [index] : []));
  return play(story.slice(0, places[nth])).state;
}
const after = (type: TargetEvent['type'], nth = 0): TargetState => {
  const places = story.flatMap((event, index) => (event.type === type ? [index] : []));
  return play(story.slice(0, (places[nth] ?? 0) + 1)).state;
};

describe('a migration that goes well', () => {
  test('passes through all states in their order', () => {
    let state: TargetState = idle;
    const seen: TargetState['at'][] = [state.at];
    for (const event of story) {
      state = next(state, event).state;
      if (state.at !== seen.at(-1)) seen.push(state.at);
    }
    expect(seen).toEqual(['idle', 'awaiting', 'armed', 'restoring', 'held', 'committing', 'running', 'ended']);
  });

  test('does each thing once, in this order', () => {
    const told = play(story).effects.map((effect) =>
      ['do', 'id', 'container', 'barrier', 'stage']
        .map((key) => (effect as never)[key])
        .join(' ')
        .trim()
        .replace(/ +/g, ' '),
    );
    expect(told).toEqual([
      'say precopied',
      'noop id-init',
      'unpack id-a',
      'arm',
      'restore id-a',
      'created id-a',
      'release a setup-namespaces',
      'unpack id-b',
      'release a post-setup-namespaces',
      'restore id-b',
      'created id-b',
      'release b setup-namespaces',
      'release b post-setup-namespaces',
      'release a post-restore',
      'release b post-restore',
      'release b pre-resume',
      'release a pre-resume',
      'look id-b',
      'look id-a',
      'watch',
      'say held',
      'commit',
      'say running',
    ]);
  });
});

describe('what cannot come now is refused, and changes nothing', () => {
  test.each([
    ['a second await', after('await'), awaited],
    ['a container that can be restored before the kubelet asked for the pod', after('await'), { type: 'restorable', container: 'a' }],
    ['one that is not awaited', after('unpacked'), { type: 'restorable', container: 'c' }],
    ['the same one twice', after('restorable'), { type: 'restorable', container: 'a' }],
    ['a checkpoint of a container that cannot be restored yet', after('unpacked'), { type: 'checkpointed', container: 'a' }],
    ['the end before all is there', after('checkpointed'), { type: 'complete' }],
    ['the end twice', after('complete'), { type: 'complete' }],
    ['a file after the end', after('complete'), { type: 'open' }],
    ['a second end of the files of before the freeze', after('precopied'), { type: 'precopied' }],
    ['a hook of a container that is not being restored', after('unpacked'), hook('a', 'setup-namespaces')],
    ['a hook out of its order', after('hook'), hook('a', 'post-restore')],
    ['the last hook while another container is not filled', after('hook', 2), hook('a', 'pre-resume')],
    ['a hook after it was given up', play([awaited, { type: 'fail', reason: 'no' }]).state, hook('a', 'setup-namespaces')],
    ['the runtime’s end before the last hook', after('hook', 5), { type: 'restored', id: 'id-a' }],
    ['a look that nobody asked for', after('hook', 7), { type: 'stands', id: 'id-a' }],
    ['a commit before all is held', before('stands', 1), { type: 'commit' }],
    ['a second commit', after('commit'), { type: 'commit' }],
    ['a commit while it runs', after('went'), { type: 'commit' }],
    ['what can be restored while it runs', after('went'), { type: 'restorable', container: 'a' }],
    ['a file while it runs', after('went'), { type: 'open' }],
    ['a decision that nobody asked for', before('commit'), { type: 'went' }],
    ['the end of what does not run', before('commit'), { type: 'ended' }],
  ] satisfies [string, TargetState, TargetEvent][])('%s', (_what, state, event) => {
    expect(() => next(state, event)).toThrow(/cannot come while the target is/);
  });
});

describe('what ends it', () => {
  test.each(['await', 'create', 'unpacked', 'restorable', 'complete', 'restored', 'stands'] as const)('any failure after %s', (type) => {
    const { state, effects } = next(after(type), { type: 'fail', reason: 'no' });
    expect(state).toMatchObject({ at: 'failed', reason: 'no' });
    expect(effects.at(-1)).toMatchObject({ do: 'give up', reason: 'no' });
  });

  test('the link, unless all is held', () => {
    expect(next(before('stands', 1), { type: 'link-lost', reason: 'cut' }).state.at).toBe('failed');
    expect(next(after('stands', 1), { type: 'link-lost', reason: 'cut' })).toEqual({ state: after('stands', 1), effects: [] });
  });

  test('nothing any more, from the commit on', () => {
    for (const state of [after('commit'), after('went'), after('ended')])
      for (const type of ['fail', 'link-lost'] as const) expect(next(state, { type, reason: 'late' })).toEqual({ state, effects: [] });
  });

  test('a decision that was not made', () => {
    const { state, effects } = next(after('commit'), { type: 'refused', reason: 'it is not frozen' });
    expect(state).toMatchObject({ at: 'failed', begun: ['id-a', 'id-b'] });
    expect(effects).toEqual([{ do: 'give up', reason: 'it is not frozen', begun: ['id-a', 'id-b'] }]);
  });

  test('with every create that waits refused, and all that was begun named', () => {
    const { effects } = next(after('create', 2), { type: 'fail', reason: 'no' });
    expect(effects).toEqual([
      { do: 'refuse', id: 'id-b', reason: 'no' },
      { do: 'give up', reason: 'no', begun: ['id-a'] },
    ]);
  });
});

describe('a create', () => {
  test('of the same container in the same sandbox, before its restore, takes the place of the first', () => {
    const { state, effects } = next(after('unpacked'), create('a', 'id-2'));
    expect(effects).toEqual([
      { do: 'refuse', id: 'id-a', reason: expect.any(String) },
      { do: 'unpack', id: 'id-2' },
    ]);
    // Neither the files of the first, nor that they could not be put there, are of any use to the second.
    expect(next(state, { type: 'fail', id: 'id-a', reason: 'no' }).state).toBe(state);
    expect(next(state, { type: 'fail', id: 'id-2', reason: 'no' }).state.at).toBe('failed');
    expect(next(state, { type: 'unpacked', id: 'id-a' }).state).toBe(state);
    expect(next(state, { type: 'restorable', container: 'a' }).effects).toEqual([{ do: 'restore', id: 'id-2' }]);
  });

  test.each([
    ['another UID', create('a', 'id-2', 'uid-2', 'box-2')],
    ['another sandbox', create('a', 'id-2', 'uid', 'box-2')],
  ])('of a pod with %s begins anew before the freeze, and ends the migration after it', (_what, event) => {
    const { state, effects } = next(after('unpacked'), event);
    expect(effects).toEqual([
      { do: 'refuse', id: 'id-a', reason: expect.any(String) },
      { do: 'unpack', id: 'id-2' },
    ]);
    expect(state).toMatchObject({ at: 'awaiting' });
    expect(next(state, { type: 'unpacked', id: 'id-2' }).state.at).toBe('armed');

    const late = next(after('restorable'), event);
    expect(late.state).toMatchObject({ at: 'failed', begun: ['id-a'] });
    expect(late.effects[0]).toMatchObject({ do: 'refuse', id: 'id-2' });
  });

  test('of a container whose restore has begun ends the migration', () => {
    for (const state of [after('restorable'), after('hook'), after('stands', 1)]) {
      const step = next(state, create('a', 'id-2'));
      expect(step.effects[0]).toMatchObject({ do: 'refuse', id: 'id-2' });
      expect(step.state).toMatchObject({ at: 'failed', reason: expect.stringContaining('wants container a anew') });
    }
  });

  test('of a container that nobody knows is refused, and disturbs nothing', () => {
    const step = next(after('stands', 1), create('debugger'));
    expect(step.effects).toMatchObject([{ do: 'refuse', id: 'id-debugger' }]);
    expect(step.state.at).toBe('held');
  });

  test('while it runs, and after, is refused', () => {
    for (const state of [after('commit'), after('went'), after('ended')])
      expect(next(state, create('a', 'id-2'))).toMatchObject({ state, effects: [{ do: 'refuse', id: 'id-2' }] });
  });
});

test('what can be said of each state', () => {
  const facts = (['await', 'unpacked', 'restorable', 'stands', 'commit', 'went', 'ended'] as const).map((type) =>
    factOf(after(type, type === 'stands' ? 1 : 0)),
  );
  expect(facts).toEqual(['silent', 'silent', 'silent', 'held', 'held', 'runs', 'ended']);
  expect(factOf(next(after('stands', 1), { type: 'fail', reason: 'no' }).state)).toBe('given up');
});

describe('in any order whatsoever', () => {
  const container = fc.constantFrom('a', 'b', 'init', 'other');
  const id = fc.constantFrom('id-a', 'id-b', 'id-2');
  const stray: fc.Arbitrary<TargetEvent> = fc.oneof(
    fc.constantFrom<TargetEvent>(...story),
    fc.record({
      type: fc.constant('create' as const),
      id,
      container,
      podUid: fc.constantFrom('uid', 'uid-2'),
      sandbox: fc.constantFrom('box', 'box-2'),
    }),
    fc.record({ type: fc.constant('hook' as const), action: fc.constantFrom(...barriers), container, pid: fc.constant(7) }),
    fc.record({ type: fc.constantFrom('restorable' as const, 'checkpointed' as const), container }),
    fc.record({ type: fc.constantFrom('unpacked' as const, 'restored' as const, 'stands' as const), id }),
    fc.record({ type: fc.constantFrom('fail' as const, 'link-lost' as const, 'refused' as const), reason: fc.constant('no') }),
  );
  // The story with strays put between, doubled, left out, exchanged: so that deep states are reached as well.
  const bent = fc
    .array(fc.tuple(fc.nat(story.length), fc.constantFrom('stray', 'double', 'drop', 'swap'), stray), { maxLength: 6 })
    .map((changes) => {
      const events = [...story];
      for (const [place, how, event] of changes) {
        const other = events[place + 1];
        if (how === 'stray') events.splice(place, 0, event);
        else if (how === 'double') events.splice(place, 0, events[place] ?? event);
        else if (how === 'drop') events.splice(place, 1);
        else if (other) events.splice(place, 2, other, events[place] ?? event);
      }
      return events;
    });
  const orders = fc.oneof(bent, fc.array(stray, { maxLength: 60 }));

  /** What the world knows, apart from the machine: written down as events are taken and effects are asked for. */
  function watch(events: readonly TargetEvent[]): string[] {
    let state: TargetState = idle;
    const wrong: string[] = [];
    const yes = new Set<string>(); // hooks that were let go after they froze
    const zero = new Set<string>();
    const stood = new Set<string>();
    const restored = new Map<string, string>(); // container by the ID that was restored
    const ids = new Map<string, string>();
    let [isComplete, hasCommit, commits, isGivenUp] = [false, false, 0, false];
    for (const event of events) {
      const from = state;
      let step;
      try {
        step = next(state, event);
      } catch {
        continue;
      }
      state = step.state;
      if (event.type === 'restored') zero.add(event.id);
      if (event.type === 'stands') stood.add(event.id);
      if (event.type === 'complete' && from.at !== 'failed') isComplete = true;
      if (event.type === 'commit' && from.at !== 'failed') hasCommit = true;
      for (const effect of step.effects) {
        if (event.type === 'create' && (effect.do === 'unpack' || effect.do === 'restore')) ids.set(event.id, event.container);
        if (effect.do === 'release' && effect.barrier === 'pre-resume') yes.add(effect.container);
        if (effect.do === 'restore') {
          if ([...restored.values()].includes(ids.get(effect.id) ?? '')) wrong.push(`${effect.id} is restored a second time`);
          restored.set(effect.id, ids.get(effect.id) ?? '');
        }
        if (effect.do === 'give up') isGivenUp = true;
        if (effect.do === 'commit') {
          commits++;
          const all = [...restored].filter(([one, name]) => ['a', 'b'].includes(name) && zero.has(one) && stood.has(one) && yes.has(name));
          if (!hasCommit || !isComplete || all.length !== 2) wrong.push('the pod is let go before all is held');
        }
      }
      if (state.at === 'running' && (commits !== 1 || isGivenUp)) wrong.push('it runs without one decision');
      if (isGivenUp && state.at !== 'failed') wrong.push('it was given up, and goes on');
      if ((from.at === 'running' || from.at === 'ended') && state !== from && event.type !== 'ended')
        wrong.push(`${event.type} changes what runs`);
      if (from.at === 'committing' && state !== from && event.type !== 'went' && event.type !== 'refused')
        wrong.push(`${event.type} comes between`);
    }
    return wrong;
  }

  test('nothing runs before all is held and the source has committed, and nothing changes it afterwards', () => {
    fc.assert(
      fc.property(orders, (events) => {
        expect(watch(events)).toEqual([]);
      }),
      { numRuns: 4000 },
    );
  });

  test('and many of those orders come to a commit, so that this says something', () => {
    const ends = fc.sample(bent, { numRuns: 2000, seed: 1 }).map((events) => {
      let state: TargetState = idle;
      for (const event of events) {
        try {
          ({ state } = next(state, event));
        } catch {
          // refused
        }
      }
      return state.at;
    });
    for (const at of ['running', 'ended', 'failed', 'restoring'] as const)
      expect(ends.filter((one) => one === at).length).toBeGreaterThan(20);
  });
});

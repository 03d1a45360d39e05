import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AgentSession } from '../../src/migration/helpers/session.ts';
import { inDoubt, settleBoth, type Settled } from '../../src/migration/settlement.ts';
import { begin, type Underway } from '../../src/migration/underway.ts';
import type { Role } from '../../src/protocol/agent-calls.ts';
import type { SourceFact, TargetFact } from '../../src/protocol/settle.ts';
import { moveOf } from './move.ts';
import { startAgents, type Agents, type TestAgent } from './agents.ts';

const pod = { metadata: { name: 'web-0', namespace: 'demo', uid: 'u' }, spec: { containers: [] } };
let agents: Agents;
let underway: Underway;
let asked: string[];

beforeEach(async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  agents = await startAgents();
  asked = [];
  underway = begin(moveOf(pod), agents.connection);
});

afterEach(async () => {
  underway.source.agent?.close();
  underway.target.agent?.close();
  await agents.close();
  vi.restoreAllMocks();
});

async function attend(role: Role): Promise<TestAgent> {
  const agent = await agents.start(role);
  underway[role].agent = await AgentSession.open(agents.connection, agent.pod, { role, migration: 'm' }, new AbortController().signal);
  return agent;
}

/** A source that stands so; one that has committed runs on when its record is revoked. */
async function source(state: SourceFact): Promise<void> {
  const { calls } = await attend('source');
  calls['source.abort'] = async () => (asked.push('source.abort'), { state });
  calls['source.takeover'] = async ({ targetNeverRan }) => {
    asked.push(`source.takeover ${targetNeverRan}`);
    return { state: targetNeverRan ? 'runs' : state, record: null };
  };
}

/** A target that stands so; one that holds everything runs when it is told to, and never will when it is told to give up. */
async function target(state: TargetFact, commit: TargetFact = 'runs'): Promise<void> {
  const { calls } = await attend('target');
  calls['target.state'] = async () => (asked.push('target.state'), { state });
  calls['target.commit'] = async () => (asked.push('target.commit'), { state: commit });
  calls['target.abort'] = async () => (asked.push('target.abort'), { state: state === 'runs' || state === 'ended' ? state : 'never' });
}

describe('both ends are told what follows from how they stand', () => {
  test('nothing is decided: the source runs, and the target gives up', async () => {
    await source('runs');
    await target('held');
    expect(await settleBoth(underway)).toEqual({ settlement: 'roll back', source: 'runs', target: 'never' });
    expect(asked).toEqual(['source.abort', 'target.abort']);
  });

  test('the source has committed, and the target never heard of it: it is told, and runs', async () => {
    await source('committed');
    await target('held');
    expect(await settleBoth(underway)).toEqual({ settlement: 'go on', source: 'committed', target: 'runs' });
    expect(asked).toEqual(['source.abort', 'target.state', 'target.commit']);
  });

  test('the source has committed, and the target cannot take it: it gives its word, and the record is revoked', async () => {
    await source('committed');
    await target('held', 'never');
    expect(await settleBoth(underway)).toEqual({ settlement: 'roll back', source: 'runs', target: 'never' });
    expect(asked).toEqual(['source.abort', 'target.state', 'target.commit', 'target.abort', 'source.takeover true']);
  });

  test('the source has committed, and the target runs: it is never told to give up', async () => {
    await source('committed');
    await target('runs');
    expect(await settleBoth(underway)).toEqual({ settlement: 'go on', source: 'committed', target: 'runs' });
    expect(asked).toEqual(['source.abort', 'target.state']);
  });

  test('the source was restarted while the target held everything: the target has the memory, and runs', async () => {
    await source('replaced');
    await target('held');
    expect(await settleBoth(underway)).toEqual({ settlement: 'go on', source: 'replaced', target: 'runs' });
  });

  test('an agent that knows nothing of the pod any more looks again', async () => {
    await source('silent');
    await target('held');
    await settleBoth(underway);
    expect(asked.slice(0, 2)).toEqual(['source.abort', 'source.takeover false']);
  });
});

describe('beside a source that does not answer', () => {
  test('a target that holds everything is left as it is: it may be all that there is', async () => {
    await target('held');
    expect(await settleBoth(underway)).toEqual({ settlement: 'in doubt', source: 'silent', target: 'held' });
    expect(asked).toEqual(['target.state']);
  });

  test('a target that is in the middle of it gives up', async () => {
    await target('silent');
    expect(await settleBoth(underway)).toEqual({ settlement: 'roll back', source: 'silent', target: 'never' });
    expect(asked).toEqual(['target.state', 'target.abort']);
  });

  test('a target that runs goes on', async () => {
    await target('runs');
    expect(await settleBoth(underway)).toEqual({ settlement: 'go on', source: 'silent', target: 'runs' });
  });
});

test('a source whose node nobody knows is silent, and is not looked for on any other', async () => {
  const { sourceNode: _unknown, ...move } = underway.move;
  underway = begin(move, agents.connection);
  await target('held');
  expect(await settleBoth(underway)).toEqual({ settlement: 'in doubt', source: 'silent', target: 'held' });
  expect(agents.api.seen.filter(({ method }) => method === 'POST')).toEqual([]);
});

describe('nobody claims for the target that it never ran', () => {
  test('a record is not revoked when the target does not answer', async () => {
    await source('committed');
    (await attend('target')).die();
    expect(await settleBoth(underway)).toEqual({ settlement: 'in doubt', source: 'committed', target: 'silent' });
    expect(asked).toEqual(['source.abort']);
  });

  test('what an agent tells that is no fact is silence', async () => {
    await source('committed');
    await target('of course not' as TargetFact);
    expect((await settleBoth(underway)).settlement).not.toBe('go on');
  });
});

describe('what is in doubt is told as it is known', () => {
  const told = (settled: Pick<Settled, 'source' | 'target'>): string =>
    inDoubt(underway, { settlement: 'in doubt', ...settled }, new Error('the stream broke')).message;

  test('a source that committed beside a target of which nobody knows', () => {
    expect(told({ source: 'committed', target: 'silent' })).toBe(
      'pod demo/web-0: it stands frozen on node home-1, which has handed it over for good; nobody answers at away: it is not known whether it runs there (the stream broke)',
    );
  });

  test('a source of which nobody knows has handed nothing over', () => {
    expect(told({ source: 'silent', target: 'held' })).not.toContain('handed it over');
    expect(told({ source: 'silent', target: 'held' })).toContain('it is not known whether it runs there, or stands frozen');
  });
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MigrationEvent } from '../../../src/migration/contract.ts';
import { AgentSession } from '../../../src/migration/helpers/session.ts';
import { StepRunner } from '../../../src/migration/step-runner.ts';
import { startFrozenPart } from '../../../src/migration/steps/frozen-part.ts';
import type { Standby } from '../../../src/migration/steps/standby.ts';
import { begin } from '../../../src/migration/underway.ts';
import { TimelineRecorder } from '../../../src/migration/timeline.ts';
import type { Role } from '../../../src/protocol/agent-calls.ts';
import type { SourceFact, TargetFact } from '../../../src/protocol/settle.ts';
import { startAgents, type Agents, type TestAgent } from '../agents.ts';
import { moveOf } from '../move.ts';

const pod = { metadata: { name: 'web-0', namespace: 'demo', uid: 'u' }, spec: { containers: [] } };
const never = new AbortController().signal;
let agents: Agents;
const sessions: AgentSession[] = [];

beforeEach(async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  agents = await startAgents();
});

afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  await agents.close();
  vi.restoreAllMocks();
});

async function attend(role: Role): Promise<{ agent: TestAgent; session: AgentSession }> {
  const agent = await agents.start(role);
  const session = await AgentSession.open(agents.connection, agent.pod, { role, migration: 'm' }, never);
  sessions.push(session);
  return { agent, session };
}

/** A move whose frozen part ends without an answer, and both of whose ends stand so then. */
async function brokenOff(
  state: SourceFact,
  targetState: TargetFact,
): Promise<{ runner: StepRunner; events: string[]; end: Promise<unknown> }> {
  const [source, target] = [await attend('source'), await attend('target')];
  source.agent.calls['source.checkpoint'] = async () => Promise.reject(new Error('the link was cut'));
  source.agent.calls['source.abort'] = async () => ({ state });
  target.agent.calls['target.state'] = async () => ({ state: targetState });
  target.agent.calls['target.abort'] = async () => ({ state: targetState });
  target.agent.calls['target.finished'] = async () => ({ notes: [] });
  const underway = begin(moveOf(pod), agents.connection);
  underway.made.onNode('source');
  underway.made.onNode('target');
  underway.source.agent = source.session;
  underway.target.agent = target.session;
  const standby = {
    home: agents.connection,
    plan: { pod },
    underway,
    source: source.session,
    target: target.session,
    inspection: { memoryBytes: 0 },
    budget: { ms: 10_000 },
  } as unknown as Standby;
  const events: string[] = [];
  const onEvent = (event: MigrationEvent): void => void ('step' in event && events.push(`${event.type} ${event.step}`));
  const runner = new StepRunner(onEvent, new TimelineRecorder(onEvent), never);
  // As the engine has it.
  const move = async (): Promise<void> => {
    const frozen = await runner.step('checkpoint', async () => {
      const part = startFrozenPart(standby, onEvent, never);
      return { part, ...(await part.until('sent', ['frozen', 'sent'])) };
    });
    await runner.step('restore', async () => frozen.part.until('held', ['held']));
    await runner.step('commit', async () => frozen.part.end());
  };
  return { runner, events, end: move() };
}

test('a move whose answer was lost while the pod runs at the peer is no failure: not one of its steps is told as failed', async () => {
  const { runner, events, end } = await brokenOff('committed', 'runs');
  await end;
  expect(events.filter((event) => event.startsWith('step-failed'))).toEqual([]);
  expect(runner.steps.map(({ name }) => name)).toEqual(['checkpoint', 'restore', 'commit']);
});

test('one that is rolled back is told as failed once, by the step that it failed in', async () => {
  const { runner, events, end } = await brokenOff('runs', 'never');
  await expect(end).rejects.toThrow('the link was cut');
  expect(events.filter((event) => event.startsWith('step-failed'))).toEqual(['step-failed checkpoint']);
  expect(runner.steps).toEqual([]);
});

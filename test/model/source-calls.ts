import { agentAt, feedSource } from './agents.ts';
import type { SourceQuestion } from './command.ts';
import type { Machines } from './machines.ts';
import { abort, close } from './source-agent.ts';
import { sourceFact } from './source-node.ts';
import { newAgent, type Call, type SourceAgent, type World } from './world.ts';

type OfAgent<T> = (agent: SourceAgent, world: World, machines: Machines) => T;

/** A call to the agent that the command speaks to, if that is there and not busy. */
function call(deliver: OfAgent<void>, reply: OfAgent<string | undefined>): Call {
  const spokenTo = (world: World): SourceAgent => agentAt(world, world.cli.agent);
  return {
    deliver: (world, machines) => {
      const agent = spokenTo(world);
      if (agent.isAlive) deliver(agent, world, machines);
    },
    reply: (world, machines) => {
      const agent = spokenTo(world);
      if (!agent.isAlive) return 'lost';
      return agent.todo.length > 0 ? undefined : reply(agent, world, machines);
    },
  };
}

/** The fact that an agent tells when it has ended the freeze, or found that it must not. */
const toldFact: OfAgent<string | undefined> = (agent, { source }) => {
  if (!isSettled(agent)) return undefined;
  if (agent.ending === 'failed') return 'failed';
  if (!agent.hasPod) return 'silent';
  // The claim that told of it is gone, and what was let go may have ended since.
  return agent.isClosed && agent.state.at === 'aborted' ? 'runs' : sourceFact(source);
};

function isSettled({ ending }: SourceAgent): boolean {
  return ending === 'none' || ending === 'done' || ending === 'failed';
}

function takeOver(targetNeverRan: boolean): Call {
  return call((agent, { source, cli }, machines) => {
    if (source.claim === 'another') return;
    // A claim that is taken anew tells nothing of what was.
    if (source.claim === 'nobody') Object.assign(source, { claim: 'ours', decision: 'none', isListed: false });
    source.holder = cli.agent;
    Object.assign(agent, { hasPod: true, isClosed: false });
    feedSource(agent, { type: 'take-over', targetNeverRan }, machines);
  }, toldFact);
}

/** Another agent is started when the first one is dead, or does not answer. */
function byAnother({ deliver, reply }: Call): Call {
  return {
    deliver: (world, machines) => {
      world.cli.agent = 1;
      if (!world.agents[1]?.isAlive) world.agents[1] = newAgent();
      deliver(world, machines);
    },
    reply,
  };
}

/** src/agent/source/{end,migration}.ts */
export const sourceCalls: Readonly<Record<SourceQuestion, Call>> = {
  'source.inspect': call(
    (agent, { source }, machines) => {
      if (source.claim !== 'nobody') return;
      source.claim = 'ours';
      agent.hasPod = true;
      feedSource(agent, { type: 'claimed' }, machines);
    },
    (agent, { source }) => {
      if (source.claim === 'another') return 'claimed by another';
      return agent.hasPod ? 'ok' : 'failed';
    },
  ),
  'source.precopy': call(
    (_agent, { link }) => {
      if (link.isUp) link.toTarget.push('precopied');
    },
    (agent, _world, machines) => {
      if (agent.heard.includes('precopied')) return feedSource(agent, { type: 'precopied' }, machines) ? 'ok' : 'failed';
      return agent.isTargetLost ? 'failed' : undefined;
    },
  ),
  'source.checkpoint': call(
    (agent, _world, machines) => void (agent.work = feedSource(agent, { type: 'freeze' }, machines) ? 'fence' : 'failed'),
    (agent) => {
      const { work } = agent;
      if ((work !== 'done' && work !== 'failed') || !isSettled(agent)) return undefined;
      agent.work = 'none';
      return work === 'done' ? 'ok' : 'failed';
    },
  ),
  'source.abort': call((agent, _world, machines) => abort(agent, machines), toldFact),
  'source.takeover': takeOver(false),
  'source.takeover by another': byAnother(takeOver(false)),
  'source.takeover, as the target never ran': takeOver(true),
  'source.takeover by another, as the target never ran': byAnother(takeOver(true)),
  'source.kill': call(
    (agent, { source }, machines) => {
      if (agent.state.at !== 'committed' && agent.state.at !== 'over') return;
      source.pod = 'dead';
      if (agent.state.at === 'committed') feedSource(agent, { type: 'killed' }, machines);
    },
    ({ state }) => (state.at === 'over' ? 'ok' : 'failed'),
  ),
  'source.cleanup': call(
    (agent, { source }, machines) => {
      if (agent.hasPod && sourceFact(source) !== 'committed') abort(agent, machines);
    },
    (agent, world) => {
      if (!isSettled(agent)) return undefined;
      if (agent.ending === 'failed') return 'failed';
      return !agent.hasPod || !close(world, agent).refusing ? 'ok' : 'refusing';
    },
  ),
  'delete the old object': { deliver: ({ source }) => void (source.isKnown = false), reply: () => 'ok' },
};

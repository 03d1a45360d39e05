import type { SourceEvent } from '../../src/agent/source/machine.ts';
import { agentAt, feedSource, performSource } from './agents.ts';
import type { Machines } from './machines.ts';
import { decideAbort, sourceFact, thaw } from './source-node.ts';
import type { Move, SourceAgent, World } from './world.ts';

/** What an agent on the source's node does next (src/agent/source/{migration,standstill}.ts). */
export function sourceAgentMoves(world: World, machines: Machines): Move[] {
  return world.agents.flatMap((agent, index) => {
    if (!agent.isAlive) return [];
    const die: Move = { name: `source agent ${index} is killed`, kind: 'mishap', step: (one) => kill(one, index) };
    if (agent.todo.length > 0)
      return [
        die,
        {
          name: `source agent ${index}: ${agent.todo[0]}`,
          kind: 'at once' as const,
          step: (one: World) => performSource(one, index, machines),
        },
      ];
    return [
      die,
      ...checkpointMoves(world, agent, index, machines),
      ...endingMoves(world, agent, index, machines),
      ...abandonMoves(world, agent, index, machines),
    ];
  });
}

function kill(world: World, index: number): void {
  const agent = agentAt(world, index);
  Object.assign(agent, {
    isAlive: false,
    todo: [],
    work: 'none',
    ending: 'none',
    isAbandoning: false,
    heard: [],
    isTargetLost: false,
    state: { at: 'idle' },
  });
  if (index !== 0) return;
  world.link.isUp = false;
  world.link.toSource = [];
}

/** The frozen part, in its order. An abort can have come before each of its steps. */
function checkpointMoves(world: World, agent: SourceAgent, index: number, machines: Machines): Move[] {
  const move = (name: string, step: (one: World, self: SourceAgent) => void, kind: Move['kind'] = 'free'): Move => ({
    name: `source agent ${index} ${name}`,
    kind,
    step: (one) => step(one, agentAt(one, index)),
  });
  const feed = (self: SourceAgent, event: SourceEvent): void => {
    // A checkpoint that cannot go on aborts.
    if (!feedSource(self, event, machines)) feedSource(self, { type: 'abort', reason: 'it cannot go on' }, machines);
  };
  const isUnwanted = 'reason' in agent.state;
  const giveUp = (self: SourceAgent): void => {
    self.work = 'failed';
    feed(self, { type: 'abort', reason: 'the checkpoint failed' });
  };
  switch (agent.work) {
    case 'fence':
      return [
        move('raises the fence', ({ source }, self) => {
          source.isFenced = true;
          self.work = 'guard';
        }),
      ];
    case 'guard':
      return [
        move('starts the guard', ({ source }, self) => {
          source.isListed = source.claim === 'ours';
          source.guard = 'watching';
          self.work = 'freeze';
        }),
      ];
    case 'freeze':
      if (isUnwanted || world.source.pod !== 'runs') return [move('does not freeze', (_one, self) => giveUp(self))];
      return [
        move('freezes the pod', ({ source }, self) => {
          source.pod = 'frozen';
          self.work = 'dump';
          feed(self, { type: 'frozen' });
        }),
      ];
    case 'dump':
      if (isUnwanted || agent.isTargetLost) return [move('does not dump', (_one, self) => giveUp(self))];
      return [
        move('begins to dump', ({ link }, self) => {
          if (link.isUp) link.toTarget.push('restorable');
          self.work = 'dumping';
        }),
      ];
    case 'dumping':
      if (isUnwanted || agent.isTargetLost || world.source.pod === 'dead') return [move('gives its dump up', (_one, self) => giveUp(self))];
      return [
        move('has dumped', ({ link }, self) => {
          if (link.isUp) link.toTarget.push('checkpointed');
          self.work = 'sent';
        }),
      ];
    case 'sent':
      return [
        move('has sent everything', ({ source, link }, self) => {
          feed(self, { type: 'sent', source: sourceFact(source) });
          if (self.state.at !== 'sent') return void (self.work = 'failed');
          if (link.isUp) link.toTarget.push('complete');
          self.work = 'awaiting held';
        }),
      ];
    case 'awaiting held':
      if (agent.heard.includes('held'))
        return [
          move('hears that all is held', ({ source, cli }, self) => {
            self.work = 'awaiting running';
            feed(self, {
              type: 'held',
              source: sourceFact(source),
              stopWanted: source.isDoomed ? 'SIGKILL' : undefined,
              isAttended: cli.isAlive,
            });
            if (self.state.at === 'deciding') source.isHasty = source.isDoomed || !cli.isAlive;
          }),
        ];
      return agent.isTargetLost || isUnwanted ? [move('waits no longer for the target', (_one, self) => giveUp(self))] : [];
    case 'awaiting running':
      if (agent.heard.includes('running') && !isUnwanted) return [move('hears that all runs', (_one, self) => void (self.work = 'done'))];
      return [move('waits no longer for the target', (_one, self) => giveUp(self), agent.isTargetLost || isUnwanted ? 'free' : 'patience')];
    case 'none':
    case 'done':
    case 'failed':
      return [];
  }
}

/** How a freeze is ended: by the guard, or by the guard's program anew when that is dead or was too early. */
function endingMoves({ source }: World, agent: SourceAgent, index: number, machines: Machines): Move[] {
  const move = (name: string, step: (one: World, self: SourceAgent) => void, kind: Move['kind'] = 'at once'): Move[] => [
    { name: `source agent ${index} ${name}`, kind, step: (one) => step(one, agentAt(one, index)) },
  ];
  const end = (by: 'thawed' | 'committed'): Move[] =>
    move(`finds the freeze ended: ${by}`, (_one, self) => {
      self.ending = feedSource(self, { type: 'ended', by, reason: '' }, machines) ? 'done' : 'failed';
    });
  const unasked = index === 0 && !source.isGuardHeard && agent.state.at !== 'aborting' ? unaskedEnd(source.guard) : undefined;
  if (unasked && agent.ending === 'none')
    return move(
      `hears of its guard: ${unasked}`,
      (one, self) => {
        one.source.isGuardHeard = true;
        feedSource(self, { type: 'ended', by: unasked, reason: 'the guard ended' }, machines);
      },
      'free',
    );
  switch (agent.ending) {
    case 'asked':
      if (agent.work === 'fence' || agent.work === 'guard') return [];
      if (index === 0 && source.guard === 'watching')
        return move('asks its guard to end the freeze', (one) => void (one.source.guard = 'ending'));
      if (index === 0 && (source.guard === 'ending' || source.guard === 'letting go')) return [];
      if (index === 0 && source.guard === 'committed' && source.decision === 'committed') return end('committed');
      if (index === 0 && source.guard === 'thawed' && source.pod !== 'frozen') return end('thawed');
      return move(
        'has another guard end the freeze',
        (one, self) => {
          if (one.source.claim !== 'ours') self.ending = 'failed';
          else self.ending = decideAbort(one.source) === 'committed' ? 'committed' : 'letting go';
        },
        'free',
      );
    case 'letting go':
      return [
        ...move('cannot have its pod thawed', (_one, self) => void (self.ending = 'failed'), 'mishap'),
        ...move(
          'has its pod thawed',
          (one, self) => {
            thaw(one.source);
            self.ending = 'thawed';
          },
          'free',
        ),
      ];
    case 'thawed':
    case 'committed':
      return end(agent.ending);
    case 'none':
    case 'done':
    case 'failed':
      return [];
  }
}

function unaskedEnd(guard: World['source']['guard']): 'thawed' | 'committed' | 'failure' | undefined {
  if (guard === 'thawed' || guard === 'committed') return guard;
  return guard === 'dead' ? 'failure' : undefined;
}

/** Nobody attends any more: whatever is not committed is undone. */
function abandonMoves({ cli, source }: World, agent: SourceAgent, index: number, machines: Machines): Move[] {
  if (agent.isAbandoning && (agent.ending === 'none' || agent.ending === 'done'))
    return [
      {
        name: `source agent ${index} takes fence and claim away, or leaves them`,
        kind: 'free',
        step: (one) => {
          const self = agentAt(one, index);
          self.isAbandoning = false;
          if (self.hasPod) close(one, self);
        },
      },
    ];
  if (cli.isAlive || !agent.hasPod || agent.isClosed || agent.isAbandoning || (source.decision === 'committed' && source.claim === 'ours'))
    return [];
  return [
    {
      name: `source agent ${index} finds that nobody attends`,
      kind: 'free',
      step: (one) => {
        const self = agentAt(one, index);
        self.isAbandoning = true;
        abort(self, machines);
      },
    },
  ];
}

/** Has the freeze ended unless the source has committed; a try that failed is made again. */
export function abort(agent: SourceAgent, machines: Machines): void {
  if (agent.state.at === 'aborting' && agent.ending === 'failed') agent.ending = 'asked';
  else feedSource(agent, { type: 'abort', reason: 'the migration was aborted' }, machines);
}

/** @returns whether fence and claim stay */
export function close(world: World, agent: SourceAgent): { refusing: boolean } {
  const { source } = world;
  if (agent.isClosed) return { refusing: false };
  if (sourceFact(source) === 'committed' && (source.pod !== 'dead' || source.isKnown)) return { refusing: true };
  source.isFenced = false;
  if (source.claim === 'ours') source.claim = 'nobody';
  agent.isClosed = true;
  return { refusing: false };
}

import type { SourceFact } from '../../src/protocol/settle.ts';
import type { Move, SourceNode, World } from './world.ts';

/** Takes the decision of the source unless it is taken, as whoever ends a freeze does first. */
export function decideAbort(source: SourceNode): 'committed' | 'aborted' {
  if (source.decision === 'none') source.decision = 'aborted';
  return source.decision;
}

/** What stands by our freeze runs on, and what was killed meanwhile dies. Only the claim tells what that is. */
export function thaw(source: SourceNode): void {
  if (source.claim === 'ours' && source.isListed && source.pod === 'frozen') runOn(source);
}

export function runOn(source: SourceNode): void {
  if (source.isDoomed) source.pod = 'dead';
  else {
    source.pod = 'runs';
    source.hasRunOn = true;
  }
}

/** As src/agent/source/fact.ts has it. */
export function sourceFact({ claim, isListed, decision, pod, hasFresh }: SourceNode): SourceFact {
  if (claim === 'ours' && decision === 'committed') return 'committed';
  if (pod === 'runs') return 'runs';
  if (pod === 'frozen') return 'undecided';
  // What was let go is its kubelet's business: what is held elsewhere is older than it.
  if (claim === 'ours' && isListed && decision === 'aborted') return 'runs';
  return hasFresh ? 'replaced' : 'gone';
}

/** What happens on the source's node without an agent. */
export function sourceNodeMoves(world: World): Move[] {
  const { source } = world;
  return [
    ...guardMoves(world),
    ...kubeletMoves(source, world.agents[0]?.work === 'awaiting held'),
    ...anotherCommandMoves(world),
    ...strangerMoves(world),
  ];
}

function guardMoves({ source: { guard }, agents }: World): Move[] {
  const isAlone = !agents[0]?.isAlive;
  const kill: Move = { name: 'the source guard is killed', kind: 'mishap', step: ({ source }) => void (source.guard = 'dead') };
  const decide = ({ source }: World): void => void (source.guard = decideAbort(source) === 'committed' ? 'committed' : 'letting go');
  switch (guard) {
    case 'watching': {
      const why = isAlone ? 'the source guard finds its agent gone' : 'the budget of the freeze is used up';
      return [kill, { name: `${why}, and takes the decision`, kind: isAlone ? 'free' : 'patience', step: decide }];
    }
    case 'ending':
      return [kill, { name: 'the source guard takes the decision', kind: 'free', step: decide }];
    case 'letting go':
      return [
        kill,
        {
          name: 'the source guard thaws',
          kind: 'free',
          step: ({ source }) => {
            thaw(source);
            source.guard = 'thawed';
            if (isAlone) source.isFenced = false;
          },
        },
      ];
    case 'none':
    case 'thawed':
    case 'committed':
    case 'dead':
      return [];
  }
}

function kubeletMoves({ pod, hasFresh, hasRunOn, decision, wasKilled, isKnown, isFenced }: SourceNode, isSent: boolean): Move[] {
  const moves: Move[] = [];
  // One that somebody has thawed, and that died then, looks like one that died standing: nobody can tell them apart.
  const isUntellable = hasRunOn && decision === 'none';
  if (isKnown && pod !== 'dead' && !wasKilled && !isUntellable) {
    const kill = (how: string, step: (source: SourceNode) => void): Move => ({
      name: `the kubelet at the source kills the pod${how}`,
      kind: 'mishap',
      step: ({ source }) => {
        source.wasKilled = true;
        step(source);
      },
    });
    moves.push(
      kill('', (source) => {
        source.wasKilledWhenSent = isSent && pod === 'frozen';
        source.pod = 'dead';
      }),
    );
    if (pod === 'frozen') moves.push(kill(', which dies when it is thawed', (source) => void (source.isDoomed = true)));
  }
  if (isKnown && pod === 'dead' && wasKilled && !isFenced && !hasFresh)
    moves.push({
      name: 'the kubelet at the source starts the pod from nothing',
      kind: 'free',
      step: ({ source }) => void (source.hasFresh = true),
    });
  if (!isKnown && (pod !== 'dead' || hasFresh))
    moves.push({
      name: 'the kubelet at the source ends what it does not know',
      kind: 'free',
      step: ({ source }) => {
        source.pod = 'dead';
        source.hasFresh = false;
      },
    });
  return moves;
}

/** A second command for the same pod, as src/agent/source/claim.ts lets it: what it does after that is told in three steps. */
function anotherCommandMoves({ source, agents }: World): Move[] {
  const { claim, another, decision, guard, holder, isKnown, pod } = source;
  const isLeft = claim === 'nobody' || (claim === 'ours' && decision !== 'committed' && !agents[holder]?.isAlive);
  const isGuarded = guard === 'watching' || guard === 'ending' || guard === 'letting go';
  if (another === 'none' && isKnown && isLeft && !isGuarded)
    return [
      {
        name: 'a second command for the pod takes its claim',
        kind: 'mishap',
        step: (world) => {
          if (claim === 'ours') {
            if (decideAbort(world.source) === 'committed') return;
            thaw(world.source);
          }
          world.source.isFenced = false;
          world.source.claim = 'another';
          world.source.another = 'claimed';
        },
      },
    ];
  if (another === 'claimed' && pod === 'runs')
    return [
      {
        name: 'the second command freezes the pod',
        kind: 'free',
        step: ({ source: one }) => {
          one.pod = 'frozen';
          one.another = 'frozen';
        },
      },
    ];
  if (another === 'frozen' && pod === 'frozen')
    return [
      {
        name: 'the second command moves the pod',
        kind: 'free',
        step: ({ source: one }) => {
          one.pod = 'dead';
          one.another = 'moved';
          one.isKnown = false;
        },
      },
    ];
  return [];
}

/** Until the last look before the decision somebody may thaw what we have frozen: a CRIU that dies over its dump does. */
function strangerMoves({ source: { pod, decision }, agents: [agent] }: World): Move[] {
  const isLooking = agent?.isAlive && (agent.work === 'dumping' || agent.work === 'sent' || agent.work === 'awaiting held');
  if (pod !== 'frozen' || decision !== 'none' || !isLooking) return [];
  return [{ name: 'somebody thaws the pod at the source', kind: 'mishap', step: ({ source }) => runOn(source) }];
}

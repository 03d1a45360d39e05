import { barriers, type Barrier } from '../../src/agent/target/states.ts';
import type { TargetFact } from '../../src/protocol/settle.ts';
import { feedFromSource, feedTarget, isHeld, performTarget } from './agents.ts';
import type { Machines } from './machines.ts';
import { isAnyLeft, killKeeper, letGo } from './target-node.ts';
import type { Container, Move, TargetNode, ToTarget, World } from './world.ts';

/** What the agent on the target's node does next, and what it hears (src/agent/target/{target,containers,source-link}.ts). */
export function targetAgentMoves(world: World, machines: Machines): Move[] {
  const { target } = world;
  if (!target.isAlive) return [];
  const die: Move[] = [{ name: 'the target agent is killed', kind: 'mishap', step: killTarget }];
  // By whoever ends all that is ours on a node: nobody is left then who carries out what is decided.
  if (world.node.containers.some(({ keeper }) => keeper === 'alive'))
    die.push({
      name: 'the target agent is killed, and all keepers with it',
      kind: 'mishap',
      step: (one) => {
        killTarget(one);
        one.node.containers.forEach(killKeeper);
      },
    });
  const [effect] = target.todo;
  if (effect)
    return [
      ...die,
      {
        name: `the target agent: ${effect.do}`,
        kind: effect.do === 'commit' ? 'free' : 'at once',
        step: (one) => performTarget(one, machines),
      },
    ];
  return [...die, ...linkMoves(world, machines), ...containerMoves(world, machines), ...ownMoves(world, machines)];
}

function killTarget({ target, link, node }: World): void {
  Object.assign(target, { isAlive: false, todo: [], isArmed: false, isWatching: false, commit: 'none', isAbandoning: false });
  target.state = { at: 'idle', isPrecopied: false };
  link.isUp = false;
  link.toTarget = [];
  for (const one of node.containers) {
    // Its hook says no, and its create is not answered.
    if (one.isAtHook) Object.assign(one, { isAtHook: false, copy: 'dead', runc: 'badly' } satisfies Partial<Container>);
    one.unpacking = '';
  }
}

const lies = ['restorable', 'checkpointed', 'complete', 'commit'] as const;

function linkMoves({ link, target: { state } }: World, machines: Machines): Move[] {
  const [message] = link.toTarget;
  const moves: Move[] = [];
  if (message !== undefined) {
    moves.push({
      name: `"${message}" comes to the target`,
      kind: 'free',
      step: (one) => {
        one.link.toTarget.shift();
        receive(one, message, machines);
      },
    });
  } else if (!link.isUp && !link.isLossSeenByTarget) {
    moves.push({
      name: 'the target finds its link lost',
      kind: 'free',
      step: (one) => {
        one.link.isLossSeenByTarget = true;
        feedTarget(one, { type: 'link-lost', reason: 'the link was lost' }, machines);
      },
    });
  }
  // A source that is not to be trusted may say anything at any moment; but a commit when all is held is its own to decide.
  const isListening = link.isUp && (state.at === 'restoring' || state.at === 'held' || state.at === 'running');
  for (const said of isListening ? lies : [])
    if (said !== 'commit' || state.at !== 'held')
      moves.push({ name: `the source says "${said}" out of turn`, kind: 'mishap', step: (one) => receive(one, said, machines) });
  return moves;
}

function receive(world: World, message: ToTarget, machines: Machines): void {
  const each = (type: 'restorable' | 'checkpointed'): void => {
    for (const { name } of world.node.containers) feedFromSource(world, { type, container: name }, machines);
  };
  if (message === 'restorable' || message === 'checkpointed') each(message);
  else if (message === 'failed') feedFromSource(world, { type: 'fail', reason: 'the source failed' }, machines);
  else feedFromSource(world, { type: message }, machines);
}

function containerMoves(world: World, machines: Machines): Move[] {
  const { node } = world;
  return node.containers.flatMap((one, index) => {
    const moves: Move[] = [];
    const move = (name: string, step: (own: Container, all: World) => void, kind: Move['kind'] = 'free'): void => {
      moves.push({ name: `${name} (container ${one.name})`, kind, step: (all) => step(all.node.containers[index] as Container, all) });
    };
    const first = one.asked === 0;
    if (node.pod === 'there' && node.isAwaited && one.asked < 2)
      move(
        first ? 'the kubelet at the target asks for it' : 'the kubelet at the target asks for it anew',
        (own, all) => {
          own.asked++;
          own.unanswered.push(`${own.name}${own.asked}`);
          feedTarget(
            all,
            { type: 'create', id: `${own.name}${own.asked}`, container: own.name, podUid: 'pod', sandbox: 'sandbox' },
            machines,
          );
        },
        first ? 'free' : 'mishap',
      );
    if (one.unpacking !== '')
      move(
        'its files are there',
        (own, all) => {
          const id = own.unpacking;
          own.unpacking = '';
          feedTarget(all, { type: 'unpacked', id }, machines);
        },
        'at once',
      );
    if (one.runc === 'works' && one.copy === 'building' && !one.isAtHook && one.hooks < barriers.length) {
      const action = barriers[one.hooks] as Barrier;
      move(
        `its restore is at ${action}`,
        (own, all) => {
          own.isAtHook = true;
          if (feedTarget(all, { type: 'hook', action, container: own.name, pid: 1 }, machines)) return;
          Object.assign(own, { isAtHook: false, copy: 'dead', runc: 'badly' } satisfies Partial<Container>);
        },
        action === 'post-restore' ? 'free' : 'at once',
      );
    }
    if (one.runc === 'well' || one.runc === 'badly')
      move(
        `its restore has ended ${one.runc}`,
        (own, all) => {
          const { runc, begun: id } = own;
          own.runc = 'told';
          feedTarget(all, runc === 'well' ? { type: 'restored', id } : { type: 'fail', reason: 'a restore failed' }, machines);
        },
        'at once',
      );
    if (one.keeper === 'dead' && world.target.state.at !== 'failed')
      move('its keeper is gone', (own, everything) => {
        own.keeper = 'over';
        feedTarget(everything, { type: 'fail', reason: 'a keeper died' }, machines);
      });
    return moves;
  });
}

function ownMoves(world: World, machines: Machines): Move[] {
  const { target, node, cli } = world;
  const moves: Move[] = [];
  if (target.commit === 'going')
    moves.push({
      name: 'the target agent lets the pod go',
      kind: 'free',
      step: (one) => {
        letGo(one.node);
        one.target.commit = 'none';
        feedTarget(one, { type: 'went' }, machines);
      },
    });
  if (target.isWatching && !node.containers.every(isHeld))
    moves.push({
      name: 'the target agent sees that not all is held',
      kind: 'free',
      step: (one) => {
        one.target.isWatching = false;
        feedTarget(one, { type: 'fail', reason: 'not held any more' }, machines);
      },
    });
  if (!cli.isAlive && !target.isAbandoning && target.state.at !== 'failed')
    moves.push({
      name: 'the target agent finds that nobody attends',
      kind: 'free',
      step: (one) => {
        one.target.isAbandoning = true;
        feedTarget(one, { type: 'fail', reason: 'nobody attends' }, machines);
      },
    });
  if (target.isAbandoning && node.isAwaited && (hasMoved(world) || isGone(node)))
    moves.push({ name: 'the target agent, which nobody attends, gives the runtime back', kind: 'free', step: giveBackUnattended });
  return moves;
}

/** What was decided about what was restored stays told until a command says that it is not needed. */
function giveBackUnattended({ node, link }: World): void {
  Object.assign(link, { isUp: false, toTarget: [] });
  node.isAwaited = false;
  node.isNoted = node.containers.some(({ begun }) => begun !== '');
}

export function hasMoved({ target }: World): boolean {
  return target.state.at === 'running' || target.state.at === 'ended';
}

export function isGone(node: TargetNode): boolean {
  return node.pod === 'none' && !isAnyLeft(node);
}

/** What stands with the decision `kill` never runs, whoever ends it. */
export function standsOrIsGone(node: TargetNode): boolean {
  return !isAnyLeft(node) || node.containers.every(({ copy, runc }) => copy !== 'building' && copy !== 'runs' && runc !== 'works');
}

/** Whoever finds that decided carries it out: there may be no keeper any more. */
export function afterGo(node: TargetNode): TargetFact {
  letGo(node);
  return isAnyLeft(node) ? 'runs' : 'ended';
}

/** What the agent says of the pod. @returns undefined while it waits for what it has to know */
export function targetFact(world: World, machines: Machines, isToEnd: boolean): TargetFact | undefined {
  const { node, target } = world;
  const fact = machines.factOf(target.state);
  if (fact === 'runs' && node.isNoted && !isAnyLeft(node)) {
    feedTarget(world, { type: 'ended' }, machines);
    return 'ended';
  }
  if (fact !== 'given up' && fact !== 'idle') return fact;
  if (!node.isNoted || node.containers.every(({ begun }) => begun === '')) return 'never';
  if (fact === 'given up' && node.decision === 'none') node.decision = 'kill';
  if (node.decision === 'none') return 'silent';
  if (node.decision === 'go') return afterGo(node);
  if (standsOrIsGone(node)) return 'never';
  return isToEnd ? undefined : 'silent';
}

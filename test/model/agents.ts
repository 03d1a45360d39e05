import type { SourceEffect, SourceEvent } from '../../src/agent/source/machine.ts';
import type { Effect, TargetEvent } from '../../src/agent/target/states.ts';
import type { Machines } from './machines.ts';
import { sourceFact } from './source-node.ts';
import type { Container, SourceAgent, World } from './world.ts';

/*
 * The one place where the world meets the machines: events are fed to them, and what they want done is done to the world, as
 * src/agent/source/migration.ts and src/agent/target/{target,containers,source-link}.ts do it.
 */

/** @returns whether the machine took it */
export function feedSource(agent: SourceAgent, event: SourceEvent, { sourceNext }: Machines): boolean {
  try {
    const { state, effects } = sourceNext(agent.state, event);
    agent.state = state;
    agent.todo.unshift(...effects);
    return true;
  } catch {
    return false;
  }
}

/** Carries out the next of what the agent is to do. */
export function performSource(world: World, index: number, machines: Machines): void {
  const { source, link } = world;
  const agent = agentAt(world, index);
  const effect = agent.todo.shift() as SourceEffect;
  const isFirst = index === 0;
  switch (effect) {
    case 'decide':
      // The folder of a claim that another has taken over is gone.
      if (source.claim !== 'ours') return void feedSource(agent, { type: 'abort', reason: 'the decision cannot be written' }, machines);
      if (source.decision === 'none') Object.assign(source, { decision: 'committed', hasCommitted: true });
      return void feedSource(agent, { type: 'decided', decision: source.decision === 'aborted' ? 'aborted' : 'committed' }, machines);
    case 'send-commit':
      if (isFirst && link.isUp) link.toTarget.push('commit');
      return;
    case 'release-guard':
      // Whoever is told so without a record ends the freeze.
      if (isFirst && source.guard === 'watching') source.guard = source.decision === 'committed' ? 'committed' : 'ending';
      return;
    case 'tell-target-failed':
      if (isFirst && link.isUp) link.toTarget.push('failed');
      agent.isTargetLost = true;
      return;
    case 'end-freeze':
      agent.ending = 'asked';
      return;
    case 'revoke':
      if (source.claim === 'ours') Object.assign(source, { decision: 'aborted', hasCommitted: false });
      return;
    case 'lower-fence':
      if (sourceFact(source) === 'runs') source.isFenced = false;
  }
}

/** What the machine does not take ends the migration there, if that can still be. */
export function feedTarget(world: World, event: TargetEvent, machines: Machines): boolean {
  const { target, link } = world;
  const take = (one: TargetEvent): void => {
    const { state, effects } = machines.targetNext(target.state, one);
    if (state.at === 'failed' && target.state.at !== 'failed' && link.isUp) link.toSource.push('failed');
    target.state = state;
    target.todo.push(...effects);
  };
  try {
    take(event);
    return true;
  } catch (error) {
    take({ type: 'fail', reason: (error as Error).message });
    return false;
  }
}

/** The same for what comes from the source, which is hung up on as well. */
export function feedFromSource(world: World, event: TargetEvent, machines: Machines): void {
  if (world.target.state.at !== 'failed' && !feedTarget(world, event, machines)) world.link.isUp = false;
}

export function performTarget(world: World, machines: Machines): void {
  const { node, target, link } = world;
  const effect = target.todo.shift() as Effect;
  const of = (id: string): Container => containerWith(world, ({ name }) => id.startsWith(name));
  switch (effect.do) {
    case 'noop':
    case 'refuse':
    case 'created':
      of(effect.id).unanswered = of(effect.id).unanswered.filter((id) => id !== effect.id);
      return;
    case 'unpack':
      of(effect.id).unpacking = effect.id;
      return;
    case 'arm':
      target.isArmed = true;
      return;
    case 'restore': {
      if (node.decision !== 'none') return;
      const { copy } = of(effect.id);
      if (copy !== 'none' && copy !== 'dead') node.isDoubled = true;
      Object.assign(of(effect.id), {
        unpacking: '',
        begun: effect.id,
        copy: 'building',
        runc: 'works',
        keeper: 'alive',
      } satisfies Partial<Container>);
      return;
    }
    case 'release': {
      const one = containerWith(world, ({ name }) => name === effect.container);
      if (!one.isAtHook) return;
      one.isAtHook = false;
      one.hooks++;
      if (effect.barrier === 'pre-resume' && one.copy === 'building') one.copy = 'frozen';
      return;
    }
    case 'look':
      return void feedTarget(
        world,
        isHeld(of(effect.id)) ? { type: 'stands', id: effect.id } : { type: 'fail', reason: 'not held' },
        machines,
      );
    case 'watch':
      target.isWatching = true;
      return;
    case 'say':
      if (link.isUp) link.toSource.push(effect.stage);
      return;
    case 'commit':
      target.isWatching = false;
      if (node.containers.every(isHeld) && node.decision === 'none') node.decision = 'go';
      if (node.decision === 'go') target.commit = 'going';
      else feedTarget(world, { type: 'refused', reason: 'not held, or given up' }, machines);
      return;
    case 'give up':
      target.isWatching = false;
      if (node.decision === 'none') node.decision = 'kill';
      for (const one of node.containers) Object.assign(one, { isAtHook: false, unanswered: [] } satisfies Partial<Container>);
  }
}

export function agentAt({ agents }: World, index: number): SourceAgent {
  const agent = agents[index];
  if (!agent) throw new Error(`there is no source agent ${index}`);
  return agent;
}

export function containerWith({ node }: World, is: (one: Container) => boolean): Container {
  const found = node.containers.find(is);
  if (!found) throw new Error('there is no such container');
  return found;
}

export function isHeld({ copy, wasStopped }: Container): boolean {
  return copy === 'frozen' && !wasStopped;
}

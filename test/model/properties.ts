import { isAnyLeft } from './target-node.ts';
import type { World } from './world.ts';

/** What must hold at every instant. @returns what does not, in words */
export function broken({ source, node, cli }: World): string | undefined {
  const runsThere = node.containers.some(({ copy }) => copy === 'runs');
  const standsThere = node.containers.every(({ copy }) => copy === 'frozen' || copy === 'runs');
  if (runsThere && source.pod === 'runs') return 'two copies run';
  if (runsThere && source.hasRunOn) return 'the target runs, and the source has run on since its checkpoint';
  if (runsThere && (source.hasFresh || source.another === 'moved')) return 'the target runs beside another copy';
  if (runsThere && !source.hasCommitted) return 'the target runs without a record of the commit';
  if (cli.phase === 'cut over' && cli.answers[3] === 'refusing') return 'it has moved, and its node still refuses it';
  if (source.isHasty && source.decision === 'committed')
    return 'it was committed although nobody attends, or somebody wants to stop the pod';
  if (node.isDoubled) return 'a container is restored twice';
  if (node.hasFresh && !node.hasEnded) return 'the target starts the pod from nothing';
  if (node.hasRun && !standsThere && !node.hasEnded) return 'what ran at the target was ended by us';
  const isOnlyThere = source.pod === 'dead' && !source.wasKilled && source.another === 'none';
  return isOnlyThere && !node.hasRun && !(standsThere && node.decision === 'go') ? 'no copy is left that could run' : undefined;
}

/** What must hold when nothing happens until a deadline passes. */
export function brokenWhenQuiet({ befallen }: World): string | undefined {
  return befallen === 0 ? 'nothing befell it, and it waits for a deadline' : undefined;
}

/** What must hold when nothing can happen any more but a mishap. */
export function brokenAtEnd(world: World): string | undefined {
  const { source, node, cli, target } = world;
  const { end } = cli;
  const isElsewhere = source.another !== 'none' || source.wasKilled || node.hasEnded;
  if (target.isAlive && node.containers.some(({ unanswered }) => unanswered.length > 0)) return 'the runtime waits for ever for an answer';
  if (end === 'none') return 'the command waits for ever';
  if (world.befallen === 0 && (end !== 'moved' || node.isAwaited || source.isFenced || source.claim !== 'nobody'))
    return `nothing befell it, and it was ${end}, or something is left`;
  if (source.wasKilledWhenSent && world.befallen === 1 && end !== 'moved')
    return 'all of it was at the target, and nowhere else, and was given up';
  switch (end) {
    case 'moved':
      if (source.pod !== 'dead' || source.hasFresh) return 'it has moved, and the source is still there';
      return node.hasRun ? undefined : 'it has moved, and never ran';
    case 'in doubt':
      if (source.another !== 'none') return undefined;
      if (source.pod === 'runs') return 'it is in doubt, though the source runs';
      if (source.pod === 'frozen' && source.decision !== 'committed') return 'it stands frozen for ever, and nothing is decided';
      return target.isAlive && !isElsewhere ? 'it is in doubt, though everybody can be asked' : undefined;
    case 'rolled back':
    case 'refused':
    case 'left over':
      if (source.pod !== 'runs' && !isElsewhere) return `it was ${end}, and the source does not run`;
      if (end === 'left over') return undefined;
      if (isAnyLeft(node) || node.pod !== 'none' || node.isAwaited) return `it was ${end}, and something is left at the target`;
      return end === 'rolled back' && (source.isFenced || source.claim === 'ours')
        ? 'it was rolled back, and fence or claim is left'
        : undefined;
  }
}

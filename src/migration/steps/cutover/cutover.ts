import { MigrateError } from '../../../errors.ts';
import type { KubeConnection } from '../../../kube/connection.ts';
import type { Pod } from '../../../kube/types.ts';
import { migrationLabel } from '../../../liqo/names.ts';
import { canTakeAway } from '../../../owners/owner.ts';
import { saveObject } from '../../saved-object.ts';
import type { Move } from '../../plan.ts';
import type { Step, StepContext } from '../../step.ts';
import type { Underway } from '../../underway.ts';
import { adopt } from './adopt.ts';
import { killSource } from './kill-source.ts';
import { joinItsSet } from './join-its-set.ts';
import { relayClients, untilReady } from './relay.ts';
import { releaseSecret } from './release-secret.ts';
import { newObjectOf, replace } from './replace.ts';
import { replaceInItsSet } from './replace-in-its-set.ts';
import { seeRunning } from './see-running.ts';
import { isReplacement, look, type Cutover, type CutoverTask, type Seen } from './task.ts';

/** In their order; each may be done already, by a command that did not come to its end. */
const ofItself: readonly CutoverTask[] = [releaseSecret, relayClients, replace, killSource, adopt, seeRunning, untilReady];

/** Of a pod whose owner may take it away again. */
const inItsSet: readonly CutoverTask[] = [releaseSecret, relayClients, replaceInItsSet, killSource, seeRunning, untilReady, joinItsSet];

export function cutoverTasks({ owner }: Pick<Move, 'owner'>): readonly CutoverTask[] {
  return canTakeAway(owner) ? inItsSet : ofItself;
}

/** What is left to do of a pod that somebody has deleted since, at home or at the peer. */
const ofTheSource: readonly CutoverTask[] = [releaseSecret, killSource];

/** How long an API server may be away, at each of the requests. */
const patienceMs = 120_000;

/** A migration whose target runs, or is to be let run. */
export interface Committed {
  readonly underway: Underway;
  readonly remote: KubeConnection;
  /** No other command can have begun with the cutover: an object that is not there was deleted by somebody else. */
  readonly isFirst: boolean;
}

/**
 * Makes the home cluster's object follow the processes: the same name, now on the virtual node. Does what is not done, whoever did
 * the rest. Minds no signal: the pod runs at the peer already, and stopping here would leave it without its object.
 *
 * @throws MigrateError (in-doubt) telling what is not done, and how to do it by hand
 */
export const cutover: Step<Committed, { readonly notes: readonly string[] }> = {
  name: 'cutover',
  writes: (move) => cutoverTasks(move).flatMap((task) => task.writes(move)),
  run,
};

async function run({ underway, remote, isFirst }: Committed, { progress: say }: StepContext): Promise<{ notes: string[] }> {
  const {
    move,
    source: { agent: source },
    clusters: { home },
  } = underway;
  const saved = saveObject(newObjectOf(move, move.pod), move.id);
  const notes: string[] = [];
  const policy = { deadlineMs: patienceMs, onRetry: (error: Error) => say(`trying again: ${error.message}`) };
  let undone = cutoverTasks(move);
  say('replacing the pod object');
  try {
    const seen = await look({ move, home, remote, policy });
    const pod = asLastSeen(move, seen);
    saved.write(newObjectOf(move, pod));
    const isOld = seen.current?.metadata.uid === pod.metadata.uid;
    const isGoing = isOld ? seen.current?.metadata.deletionTimestamp !== undefined : isFirst && seen.current === undefined;
    const later = { killed: undefined, relayed: Promise.resolve(false) };
    const running: Cutover = { move, home, remote, source, seen, isFirst, isGoing, saved, say, notes, policy, pod, ...later };
    const isAnother = !isOld && !isReplacement(seen.current, move);
    const isGone = !isFirst && isAnother && seen.shadow?.metadata.labels?.[migrationLabel] !== move.id;
    if (isGone) notes.push('the pod was deleted after it was moved, and is not made anew');
    undone = (isGone ? ofTheSource : cutoverTasks(move)).filter((task) => !task.isDone(seen, move));
    for (const task of undone) {
      await task.run(running);
      undone = undone.slice(1);
    }
    await running.killed;
    saved.remove();
    return { notes };
  } catch (cause) {
    throw unfinished(move, home, undone, saved.path, cause as Error);
  }
}

function byHand(move: Move, undone: readonly CutoverTask[], file: string | undefined, cause: Error): string[] {
  const commands = undone.flatMap((task) => task.byHand(move, file, cause)).map((command) => `  ${command}`);
  return ['or a person does, by hand, and then the same command only cleans up on the nodes:', ...commands];
}

/** With what others have changed since the plan was made; nothing else of a pod's object can change and matter here. */
function asLastSeen({ pod }: Move, { current }: Seen): Pod {
  if (current?.metadata.uid !== pod.metadata.uid || !current) return pod;
  const { labels = {}, annotations = {} } = current.metadata;
  return { ...pod, metadata: { ...pod.metadata, labels, annotations } };
}

/**
 * The error of a cutover that could not be finished: the pod runs at the peer, and the home cluster does not know it yet. The
 * helpers stay: with them the same command goes on from here.
 *
 * @param undone the tasks that are not done, in their order
 */
export function unfinished(
  move: Move,
  home: KubeConnection,
  undone: readonly CutoverTask[],
  file: string | undefined,
  cause: Error,
): MigrateError {
  const { name, namespace } = move.pod.metadata;
  const { virtualNode } = move.peer;
  const state = undone[0]?.undone(move, home, cause) ?? 'not everything is done';
  const message = `pod ${namespace}/${name} was moved and runs at ${virtualNode}, but ${state}: ${cause.message}`;
  const hint = [
    'do not thaw or start it anywhere else; when the cause is gone, the same command finishes it:',
    `  kubectl migrate ${name} -n ${namespace} --to ${virtualNode}`,
    ...(undone.includes(replaceInItsSet) ? [] : byHand(move, undone, file, cause)),
  ].join('\n');
  return new MigrateError('in-doubt', message, { cause, hint });
}

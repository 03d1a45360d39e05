import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import { unlessForbidden } from '../../kube/errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import { managedByLabel, managedByValue, migrationLabel, movedPodAnnotation } from '../../liqo/names.ts';
import { finding } from '../../preflight/finding.ts';
import { refusalBy } from '../../preflight/refusal.ts';
import type { Hello } from '../../protocol/agent-calls.ts';
import type { MigrationRequest } from '../contract.ts';
import { converse } from '../helpers/conversation.ts';
import { genuineOnly } from './genuine.ts';
import { agentContainer, roleLabel } from '../helpers/pods.ts';
import { untilHelperRuns } from '../helpers/wait.ts';

/** A migration of the same pod that another command has begun. */
export interface Earlier {
  readonly id: string;
  /** Its helper pods, the oldest first. */
  readonly helpers: readonly Pod[];
}

/** The migrations of that pod of which helpers are there; pods that only look like helpers are nobody's concern. */
export async function findEarlier(request: MigrationRequest, signal: AbortSignal): Promise<Earlier[]> {
  const { connection, namespace, pod, agentImage } = request;
  const query = { labelSelector: `${managedByLabel}=${managedByValue}` };
  const list = await connection.list<Pod>(podsIn(namespace), signal, query).catch(unlessForbidden);
  // Whoever may not list pods cannot move one; the plan tells so in its words.
  const named = earlierOf(pod, list?.items ?? []).flatMap(({ helpers }) => helpers);
  return earlierOf(pod, await genuineOnly(connection, namespace, agentImage, named, signal));
}

/** Pure part of {@link findEarlier}. @param helpers all that are in the pod's namespace */
export function earlierOf(pod: string, helpers: readonly Pod[]): Earlier[] {
  const ours = helpers.filter(
    ({ metadata }) => metadata.annotations?.[movedPodAnnotation] === pod && metadata.labels?.[migrationLabel] !== undefined,
  );
  const ids = [...new Set(ours.map(({ metadata }) => metadata.labels?.[migrationLabel] ?? ''))];
  return ids.map((id) => ({
    id,
    helpers: ours
      .filter(({ metadata }) => metadata.labels?.[migrationLabel] === id)
      .toSorted((one, other) => ageOf(one).localeCompare(ageOf(other))),
  }));
}

export function helperOf({ helpers }: Earlier, role: 'source' | 'target'): Pod | undefined {
  // An agent that took the place of another one has the last word.
  const wanted = role === 'source' ? ['source', 'rescue'] : [role];
  return (
    helpers.findLast(({ metadata, status }) => wanted.includes(metadata.labels?.[roleLabel] ?? '') && status?.phase === 'Running') ??
    helpers.findLast(({ metadata }) => metadata.labels?.[roleLabel] === role)
  );
}

/** How long the command that made a helper may take to speak to it, once that runs. */
const firstWordMs = 6_000;
/** How long the end of a command may take to come to an agent, by way of its stream. */
const lastWordMs = 2_500;
const lookAgainMs = 500;

/**
 * Whether the command that began it is gone: nobody attends its agents, and nobody is about to.
 *
 * @throws MigrateError (refused) when it is not: that migration goes on, and nothing of it was disturbed
 */
export async function requireUnattended(
  { connection, namespace, pod }: MigrationRequest,
  earlier: Earlier,
  signal: AbortSignal,
): Promise<void> {
  const { id, helpers } = earlier;
  const to = helperOf(earlier, 'target')?.spec.nodeName;
  const since = helpers[0] === undefined ? '' : ageOf(helpers[0]);
  await Promise.all(
    helpers.map(async (helper) => {
      if (!(await isAttended(connection, helper, signal))) return;
      const where = to === undefined ? '' : ` to ${to}`;
      const text = `pod ${namespace}/${pod} is being moved already: migration ${id} moves it${where} since ${since}`;
      throw refusalBy(finding('KM-CLAIMED', { kind: 'pod', name: pod }, text, 'nothing of that migration was touched; wait for its end'));
    }),
  );
}

async function isAttended(connection: KubeConnection, helper: Pod, signal: AbortSignal): Promise<boolean> {
  // One that never comes up has no agent that anybody could speak to.
  const running = helper.status?.phase === 'Running' ? helper : await untilHelperRuns(connection, helper, signal).catch(() => undefined);
  signal.throwIfAborted();
  if (!running) return false;
  const begun = performance.now();
  const deadline = begun + scaled(firstWordMs);
  for (;;) {
    const hello = await ask(connection, running);
    const isConnected = hello?.isAttended === true && hello.isConnected;
    if (isConnected && performance.now() > begun + scaled(lastWordMs)) return true;
    // A moment ago somebody attended, or somebody may be about to: it is young, or its conversation just broke.
    const canChange = isConnected || hello === undefined || hello.isAttended || hello.now - startedAt(running) < scaled(firstWordMs);
    if (!canChange || performance.now() > deadline) return hello?.isAttended ?? false;
    await delay(lookAgainMs, undefined, { signal });
  }
}

/** @returns undefined when the agent does not answer */
async function ask(connection: KubeConnection, helper: Pod): Promise<Hello | undefined> {
  try {
    const { client, close } = await converse(connection, helper, () => undefined);
    return await client.call<Hello>(1, 'hello', null, scaled(5_000)).finally(close);
  } catch {
    return undefined;
  }
}

/** When its agent was started, ms since 1970 by the clock of its node, which is the agent's as well. */
function startedAt({ status }: Pod): number {
  return Date.parse(status?.containerStatuses?.find(({ name }) => name === agentContainer)?.state?.running?.startedAt ?? '');
}

function ageOf({ metadata }: Pod): string {
  return metadata.creationTimestamp ?? '';
}

import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { isAnswered, type Answered, type PipelinedAnswer, type PipelinedRequest } from '../../kube/pipeline.ts';
import type { Pod } from '../../kube/types.ts';
import { hasStarted, isOwnedBy, startsNothingMs, type Outcome, type Removed, type Replacement } from './outcome.ts';
import type { PodsAt } from './pods-at.ts';

export interface ByName {
  /** Whose field manager creates it. */
  readonly creator: string;
  /** From the first deletion's answer, or its loss, on. A quota may take its time to give back what the old object took. */
  readonly deadlineMs: number;
  /** What takes a holder of the name away, as the first part of the one write. @returns nothing when it has changed meanwhile */
  readonly release?: (holder: Pod, pods: PodsAt) => Promise<readonly PipelinedRequest[] | undefined>;
  /** After a crash: the owner's pod is taken away though it runs. */
  readonly evenIfStarted?: boolean;
}

const answerMs = 10_000;
const longestPauseMs = 100;

/**
 * Puts an object in the place of another one of its name. Deletion, creation and a look at who holds the name go out in
 * one write; when the owner's own new pod was quicker, that is deleted under its UID, with ours behind it again. One that is not known to
 * have started is taken away at any age: left alone it would run for certain.
 *
 * Looks before it changes anything, and after each loss of an answer, so that a command that comes later goes on where another
 * one died, and a request without an answer is never followed by a creation alone.
 *
 * @throws KubeError when the server cannot be reached
 */
export async function replaceByName(pods: PodsAt, what: Replacement, how: ByName): Promise<Outcome> {
  const { name } = what.create.metadata;
  const release = how.release ?? byUid;
  const removed = new Map<string, Removed>();
  /** When the request was sent before which this holder cannot have been there. */
  let freeSince: number | undefined;
  let deadline: number | undefined;
  let last = 'nobody has answered';
  let holder = await pods.get(name);
  await pods.prepare(name);
  for (let round = 1, pauses = 0; ; round++) {
    const end = ended(holder, what, how);
    if (end === 'in place') return { end, ours: holder as Pod, rounds: round - 1, removed: [...removed.values()] };
    if (end) return end;
    if (deadline !== undefined && performance.now() > deadline) return { end: 'not in time', message: last, holder };
    const before = holder ? await release(holder, pods) : [];
    if (before === undefined) {
      await delay(pause(pauses++));
      deadline ??= performance.now() + scaled(how.deadlineMs);
      holder = await pods.get(name);
      continue;
    }
    const sent = performance.now();
    const answers = await pods.write(
      name,
      [...before, creation(pods, what, how), { method: 'GET', path: pods.path(name) }],
      scaled(answerMs),
    );
    deadline ??= performance.now() + scaled(how.deadlineMs);
    const [gone, made, seen] = [answers[before.length - 1], answers[before.length], answers.at(-1)];
    if (holder && holder.metadata.uid !== what.old) {
      const isYoung = freeSince !== undefined && sent - freeSince < startsNothingMs;
      removed.set(holder.metadata.uid ?? '', { pod: holder, mayHaveRun: !isYoung || hasStarted(holder) });
    }
    if (isAnswered(made) && made.code === 201)
      return { end: 'in place', ours: made.body as Pod, rounds: round, removed: [...removed.values()] };
    const next = await holderAfter(seen, pods, name);
    if (next === undefined || next.metadata.uid !== holder?.metadata.uid) freeSince = sent;
    // What may not be made will not be, whoever holds the name: to take that from the owner again and again would be in vain.
    const refusal = isRefusal(made) ? made : next?.metadata.uid === holder?.metadata.uid ? gone : undefined;
    if (isRefusal(refusal)) return { end: 'refused', code: refusal.code, message: words(refusal), holder: next };
    last = words(refusal ?? made);
    // Nothing has changed: a quota, finalizers, a server that is too busy.
    if (next?.metadata.uid === holder?.metadata.uid) await delay(pause(pauses++));
    holder = next;
  }
}

/** How it stands when that cannot be changed, or need not. */
function ended(holder: Pod | undefined, what: Replacement, how: ByName): Outcome | 'in place' | undefined {
  if (!holder || holder.metadata.uid === what.old) return undefined;
  if (what.isOurs(holder)) return holder.metadata.deletionTimestamp === undefined ? 'in place' : { end: 'ours removed', ours: holder };
  if (!isOwnedBy(holder, what.ownerUid)) return { end: 'another', pod: holder };
  return !how.evenIfStarted && hasStarted(holder) ? { end: 'owner runs', pod: holder } : undefined;
}

async function holderAfter(seen: PipelinedAnswer | undefined, pods: PodsAt, name: string): Promise<Pod | undefined> {
  if (isAnswered(seen) && seen.code === 200) return seen.body as Pod;
  return isAnswered(seen) && seen.code === 404 ? undefined : await pods.get(name);
}

/** Deletion at once and of this one alone. */
export async function byUid(holder: Pod, pods: PodsAt): Promise<readonly PipelinedRequest[]> {
  const preconditions = { uid: holder.metadata.uid };
  return Promise.resolve([{ method: 'DELETE', path: pods.path(holder.metadata.name), body: deleteOptions(preconditions) }]);
}

export function deleteOptions(preconditions: { readonly uid: string | undefined; readonly resourceVersion?: string | undefined }): object {
  return { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions };
}

function creation({ collection }: PodsAt, { create }: Replacement, { creator }: ByName): PipelinedRequest {
  return { method: 'POST', path: `${collection}?fieldManager=${encodeURIComponent(creator)}`, body: create };
}

/** Asking again cannot help. A full quota is told 403, and before it is looked who holds the name (apiserver: admission, then storage). */
function isRefusal(answer: PipelinedAnswer | undefined): answer is Answered {
  if (!isAnswered(answer)) return false;
  const { code } = answer;
  return code >= 400 && code < 500 && ![404, 409, 429].includes(code) && !(code === 403 && words(answer).includes('exceeded quota'));
}

function words(answer: PipelinedAnswer | undefined): string {
  if (!isAnswered(answer)) return answer?.lost.message ?? 'no answer';
  const { message } = (answer.body ?? {}) as { message?: string };
  return message ?? `HTTP ${answer.code}`;
}

function pause(times: number): number {
  return Math.min(longestPauseMs, 2 * 1.5 ** times);
}

import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../deadlines.ts';
import { MigrateError } from '../errors.ts';
import type { KubeConnection } from './connection.ts';
import { isPassing, KubeError } from './errors.ts';
import type { KubeObject } from './types.ts';
import { openWatch } from './watch.ts';

export interface Wait<T> {
  /** Path of the object's collection, e.g. `/api/v1/namespaces/demo/pods`. */
  readonly collection: string;
  readonly name: string;
  /** What it is found by in its collection, when not by its name. */
  readonly fieldSelector?: string;
  /** What is waited for, for the message at the deadline: `pod demo/web-0 to run`. */
  readonly what: string;
  readonly deadlineMs: number;
  /** Whether it has come; undefined stands for an object that is not there. May throw to give up. */
  readonly isDone: (object: T | undefined) => boolean;
  /** How things stand, for the same message. */
  readonly describe?: (object: T | undefined) => string;
}

const longestPauseMs = 5_000;

/**
 * Watches one object until it is as wanted. A server that cannot be reached or is not well is asked again, with longer
 * and longer pauses, until the deadline; one that refuses is not.
 *
 * @returns the object, or undefined when its absence was wanted
 * @throws MigrateError at the deadline, KubeError when the server refuses, the signal's reason, and what `isDone` throws
 */
export async function waitFor<T extends KubeObject>(
  connection: KubeConnection,
  wait: Wait<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  signal.throwIfAborted();
  const deadline = AbortSignal.timeout(scaled(wait.deadlineMs));
  const both = AbortSignal.any([signal, deadline]);
  let last: { readonly object: T | undefined } | undefined;
  let trouble: KubeError | undefined;
  try {
    for (let failures = 0; ;) {
      try {
        for await (const object of states<T>(connection, wait, both)) {
          last = { object };
          failures = 0;
          trouble = undefined;
          if (wait.isDone(object)) return object;
        }
      } catch (error) {
        if (both.aborted || !(error instanceof KubeError) || !isPassing(error)) throw error;
        trouble = error;
        failures++;
      }
      // A watch that only came to its end, or too late (410), is followed by a list at once.
      const pause = failures === 0 || trouble?.code === 410 ? 50 : Math.min(longestPauseMs, 100 * 2 ** failures);
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal: both });
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (deadline.aborted) throw timedOut(connection, wait, last, trouble);
    throw error;
  }
}

/** The object as it is, and then as it becomes, until the watch ends. */
async function* states<T extends KubeObject>(
  connection: KubeConnection,
  { collection, name, fieldSelector = `metadata.name=${name}` }: Wait<T>,
  signal: AbortSignal,
): AsyncGenerator<T | undefined> {
  const query = { fieldSelector };
  const list = await connection.list<T>(collection, signal, query);
  yield list.items[0] as Awaited<T> | undefined;
  const { resourceVersion = '' } = list.metadata;
  for await (const event of await openWatch<T>(connection, collection, query, resourceVersion, signal))
    yield event.type === 'DELETED' ? undefined : (event.object as Awaited<T>);
}

function timedOut<T>(
  connection: KubeConnection,
  wait: Wait<T>,
  last: { object: T | undefined } | undefined,
  trouble: KubeError | undefined,
): MigrateError {
  const state = trouble ? trouble.message : last && wait.describe?.(last.object);
  const message = `waited ${scaled(wait.deadlineMs) / 1000} s for ${wait.what} in cluster ${connection.name}${state ? `; ${state}` : ''}`;
  return new MigrateError('failed', message, trouble ? { cause: trouble } : {});
}

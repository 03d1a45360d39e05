import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../deadlines.ts';
import { MigrateError } from '../errors.ts';
import type { KubeConnection } from './connection.ts';
import { errorOfStatus, isPassing, KubeError, type Status } from './errors.ts';
import type { KubeObject } from './types.ts';

export interface Wait<T> {
  /** Path of the object's collection, e.g. `/api/v1/namespaces/demo/pods`. */
  readonly collection: string;
  readonly name: string;
  /** What is waited for, for the message at the deadline: `pod demo/web-0 to run`. */
  readonly what: string;
  readonly deadlineMs: number;
  /** Whether it has come; undefined stands for an object that is not there. May throw to give up. */
  readonly isDone: (object: T | undefined) => boolean;
  /** How things stand, for the same message. */
  readonly describe?: (object: T | undefined) => string;
}

/** A watch that hears nothing may be dead without knowing, so each is short and followed by a list. */
const watchSeconds = 30;
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
  { collection, name }: Wait<T>,
  signal: AbortSignal,
): AsyncGenerator<T | undefined> {
  const query = { fieldSelector: `metadata.name=${name}` };
  const list = await connection.list<T>(collection, signal, query);
  yield list.items[0] as Awaited<T> | undefined;
  const silence = AbortSignal.timeout((watchSeconds + 10) * 1000);
  const ended = AbortSignal.any([signal, silence]);
  const watch = { ...query, watch: 'true', resourceVersion: list.metadata.resourceVersion ?? '', timeoutSeconds: String(watchSeconds) };
  try {
    const answer = await connection.open(collection, { query: watch }, ended);
    for await (const event of events(answer)) {
      if (event.type === 'ERROR') throw errorOfStatus(event.object as Status);
      if (event.type === 'DELETED') yield undefined;
      else if (event.type !== 'BOOKMARK') yield event.object as Awaited<T>;
    }
  } catch (error) {
    if (signal.aborted || error instanceof KubeError) throw error;
    if (silence.aborted) return;
    throw new KubeError(0, 'Disconnected', `the watch broke: ${(error as Error).message}`, { cause: error });
  }
}

async function* events(answer: IncomingMessage): AsyncGenerator<{ type: string; object: unknown }> {
  let text = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer as AsyncIterable<string>) {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line) as { type: string; object: unknown };
  }
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

import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { MigrateError } from '../errors.ts';
import type { KubeConnection } from './connection.ts';
import { KubeError } from './errors.ts';
import type { KubeList, KubeObject } from './types.ts';

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

/**
 * Watches one object until it is as wanted.
 *
 * @returns the object, or undefined when its absence was wanted
 * @throws MigrateError at the deadline, KubeError when the server refuses, and what `isDone` throws
 */
export async function waitFor<T extends KubeObject>(connection: KubeConnection, wait: Wait<T>, signal: AbortSignal): Promise<T | undefined> {
  const deadline = Date.now() + wait.deadlineMs;
  const query = { fieldSelector: `metadata.name=${wait.name}` };
  let last: T | undefined;
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    if (Date.now() > deadline) throw timedOut(connection, wait, last);
    try {
      const list = await connection.get<KubeList<T>>(wait.collection, signal, query);
      last = list.items[0];
      if (wait.isDone(last)) return last;
      const left = Math.max(1, Math.ceil((deadline - Date.now()) / 1000));
      const watch = { ...query, watch: 'true', resourceVersion: list.metadata.resourceVersion ?? '', timeoutSeconds: String(left) };
      const answer = await connection.open(wait.collection, { query: watch, deadlineMs: 0 }, signal);
      for await (const object of watched<T>(answer)) {
        last = object;
        if (!wait.isDone(last)) continue;
        answer.destroy();
        return last;
      }
    } catch (error) {
      // A watch breaks for many reasons; the list that follows tells whether the server is really gone.
      if (signal.aborted || !(error instanceof KubeError) || (error.code !== 410 && error.code !== 0 && error.code < 500)) throw error;
      if (attempt >= 5 && error.code === 0) throw error;
    }
    await delay(100 + Math.random() * 200, undefined, { signal });
  }
}

async function* watched<T extends KubeObject>(answer: IncomingMessage): AsyncGenerator<T | undefined, void, undefined> {
  let text = '';
  answer.setEncoding('utf8');
  try {
    for await (const chunk of answer as AsyncIterable<string>) {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines.filter(Boolean)) {
        const event = JSON.parse(line) as { type: string; object: unknown };
        if (event.type === 'ERROR') throw watchError(event.object);
        if (event.type === 'DELETED') yield undefined;
        else if (event.type !== 'BOOKMARK') yield event.object as Awaited<T>;
      }
    }
  } catch (error) {
    if (error instanceof KubeError) throw error;
    throw new KubeError(0, 'Unreachable', `the watch broke: ${(error as Error).message}`, { cause: error });
  }
}

function watchError(object: unknown): KubeError {
  const { code = 410, reason = '', message = 'the watch ended' } = object as { code?: number; reason?: string; message?: string };
  return new KubeError(code, reason, message);
}

function timedOut<T>(connection: KubeConnection, wait: Wait<T>, last: T | undefined): MigrateError {
  const state = wait.describe?.(last);
  return new MigrateError('failed', `waited ${wait.deadlineMs / 1000} s for ${wait.what} in cluster ${connection.name}${state ? `; ${state}` : ''}`);
}

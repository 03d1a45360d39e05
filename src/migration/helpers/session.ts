import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { MigrateError } from '../../errors.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { Pod } from '../../kube/types.ts';
import type { AgentCalls, Hello, Role } from '../../protocol/agent-calls.ts';
import { checkedEvent, type AgentEvent } from '../../protocol/agent-events.ts';
import { ChannelEnded } from '../../protocol/rpc.ts';
import { version } from '../../version.ts';
import { converse, type Conversation } from './conversation.ts';
import { agentContainer } from './pods.ts';

/** By this word our conversations are known as one CLI's. */
const cli = randomUUID();

const helloDeadlineMs = 5_000;
/** How long an agent may be out of reach in the beginning. */
const firstMs = 20_000;
/** How long an agent may be out of reach until a call fails, if the call itself has that long. */
const reopenMs = 60_000;
const longestPauseMs = 2_000;

/** How an agent's clock differs from ours, ms. */
export interface AgentClock {
  readonly aheadMs: number;
  /** How wrong that may be: half of the time that the question and its answer took. */
  readonly errorMs: number;
}

/** Another command attends that migration now: nothing of it is ours to decide or to take away any more. */
export class TakenOver extends MigrateError {
  constructor(pod: Pod) {
    const { name, namespace } = pod.metadata;
    super('in-doubt', `another kubectl migrate has taken over from this one: it speaks to helper pod ${namespace}/${name} now`, {
      hint: 'what becomes of the pod is told there',
    });
  }
}

/**
 * What we are to one agent, for as long as it lives: one conversation after the other. An exec stream ends with whatever it
 * goes through (an API server, a kubelet) while the agent goes on; so a call that was not answered is asked again in the next
 * conversation, under the number that it had: the agent does nothing twice.
 */
export class AgentSession {
  readonly pod: Pod;
  readonly role: Role;
  readonly #connection: KubeConnection;
  readonly #migration: string;
  readonly #listeners = new Set<(event: AgentEvent) => void>();
  readonly #stages = new Set<string>();
  #conversation: Promise<Conversation> | undefined;
  #isClosed = false;
  #calls = 0;
  clock: AgentClock = { aheadMs: 0, errorMs: 0 };

  private constructor(connection: KubeConnection, pod: Pod, role: Role, migration: string) {
    this.#connection = connection;
    this.pod = pod;
    this.role = role;
    this.#migration = migration;
  }

  /**
   * Begins to attend a migration at one of its ends.
   *
   * @throws MigrateError (refused) when the agent is of another version, TakenOver when another command attends, Error when it
   *   cannot be reached within some seconds
   */
  static async open(
    connection: KubeConnection,
    pod: Pod,
    { role, migration }: { readonly role: Role; readonly migration: string },
    signal: AbortSignal,
  ): Promise<AgentSession> {
    const session = new AgentSession(connection, pod, role, migration);
    session.#conversation = session.#open(scaled(firstMs), signal);
    await session.#conversation;
    return session;
  }

  /** Has all that the agent tells from now on given to the listener. @returns what ends that */
  listen(listener: (event: AgentEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * @param deadlineMs is scaled as all deadlines are
   * @throws RemoteError with the agent's own words, TakenOver, or Error when it could not be reached or did not answer in time
   */
  async call<Name extends keyof AgentCalls>(
    name: Name,
    params: AgentCalls[Name]['params'],
    deadlineMs: number,
  ): Promise<AgentCalls[Name]['result']> {
    const id = ++this.#calls;
    const deadline = performance.now() + scaled(deadlineMs);
    for (;;) {
      const { client } = await this.#reach(deadline - performance.now());
      try {
        return await client.call<AgentCalls[Name]['result']>(id, name, params, Math.max(1, deadline - performance.now()));
      } catch (error) {
        if (!(error instanceof ChannelEnded) || this.#isClosed || performance.now() > deadline) throw error;
        this.#conversation = undefined;
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    void this.#conversation?.then(({ close }) => close()).catch(() => undefined);
  }

  async #reach(forMs: number): Promise<Conversation> {
    this.#conversation ??= this.#open(Math.min(scaled(reopenMs), forMs), new AbortController().signal);
    const opening = this.#conversation;
    try {
      return await opening;
    } catch (error) {
      if (this.#conversation === opening) this.#conversation = undefined;
      throw error;
    }
  }

  async #open(forMs: number, signal: AbortSignal): Promise<Conversation> {
    const deadline = performance.now() + forMs;
    for (let pause = 100; ; pause = Math.min(longestPauseMs, 2 * pause)) {
      try {
        return await this.#attend();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof MigrateError || performance.now() > deadline) throw error;
        await this.#requireAlive(error as Error);
      }
      await delay(pause, undefined, { signal });
    }
  }

  async #attend(): Promise<Conversation> {
    const conversation = await converse(this.#connection, this.pod, (told) => this.#hear(told));
    try {
      const hello = await this.#greet(conversation);
      requireOurs(hello, this.pod, { role: this.role, migration: this.#migration });
      const { isYours } = await conversation.client.call<{ isYours: boolean }>(++this.#calls, 'attend', { cli }, scaled(helloDeadlineMs));
      if (!isYours) throw new TakenOver(this.pod);
      return conversation;
    } catch (error) {
      conversation.close();
      throw error;
    }
  }

  /** The quickest of a few answers tells most of the clock: the agent looked at it somewhere within. */
  async #greet({ client }: Conversation): Promise<Hello> {
    for (let question = 0; ; question++) {
      const from = performance.now();
      const hello = await client.call<Hello>(++this.#calls, 'hello', null, scaled(helloDeadlineMs));
      const errorMs = (performance.now() - from) / 2;
      if (question === 0 || errorMs < this.clock.errorMs)
        this.clock = { aheadMs: hello.now - (performance.timeOrigin + from + errorMs), errorMs };
      if (question === 2) return hello;
    }
  }

  /** The stages are told anew in each conversation. */
  #hear(told: unknown): void {
    const event = checkedEvent(told);
    if (!event) return;
    if (event.type === 'stage' && this.#stages.has(event.stage)) return;
    if (event.type === 'stage') this.#stages.add(event.stage);
    for (const listener of this.#listeners) listener(event);
  }

  /** @throws Error when the helper is gone or its agent has ended: it is of no use to try again */
  async #requireAlive(cause: Error): Promise<void> {
    const { name, namespace, uid } = this.pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const found = await this.#connection.get<Pod>(path).catch((error: unknown) => (isNotFound(error) ? undefined : this.pod));
    const agent = found?.status?.containerStatuses?.find((status) => status.name === agentContainer);
    const isGone = found === undefined || found.metadata.uid !== uid;
    if (isGone || agent?.state?.terminated || found.status?.phase === 'Failed' || found.status?.phase === 'Succeeded') {
      throw new MigrateError('failed', `the agent of helper pod ${namespace}/${name} is gone: ${cause.message}`, { cause });
    }
  }
}

/** @throws MigrateError (refused) when the two would not understand each other */
export function requireOurs(hello: Hello, { metadata }: Pod, expected: { readonly role: Role; readonly migration: string }): void {
  const where = `the agent of helper pod ${metadata.namespace}/${metadata.name}`;
  if (hello.version !== version) {
    throw new MigrateError('refused', `${where} is of version ${hello.version ?? 'unknown'}, and this kubectl-migrate of ${version}`, {
      hint: 'use the agent image of the same version, or the kubectl-migrate that started it',
    });
  }
  if (hello.role !== expected.role || hello.migration !== expected.migration) {
    throw new MigrateError('refused', `${where} serves the ${hello.role} of migration ${hello.migration}, not what it was asked for`);
  }
}

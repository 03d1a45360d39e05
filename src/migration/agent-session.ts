import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { MigrateError } from '../errors.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { exec } from '../kube/exec.ts';
import { waitFor } from '../kube/wait.ts';
import type { Pod } from '../kube/types.ts';
import type { AgentCalls } from '../protocol/agent-calls.ts';
import { checkedEvent, type AgentEvent } from '../protocol/agent-events.ts';
import { RpcClient } from '../protocol/rpc.ts';
import { finding } from '../preflight/finding.ts';
import { refusalBy } from '../preflight/refusal.ts';
import { agentCommand, agentContainer } from './helper-pods.ts';

/** A conversation with the agent in a helper pod. */
export interface AgentSession {
  readonly pod: Pod;
  readonly clock: AgentClock;
  /** Has all that the agent tells from now on given to the listener. @returns what ends that */
  listen: (listener: (event: AgentEvent) => void) => () => void;
  /** @throws Error with the agent's own words */
  call: <Name extends keyof AgentCalls>(
    name: Name,
    params: AgentCalls[Name]['params'],
    deadlineMs: number,
  ) => Promise<AgentCalls[Name]['result']>;
  /** Settles (never rejects) when the conversation has ended, with the reason. */
  readonly closed: Promise<Error>;
  close: () => void;
}

/** How an agent's clock differs from ours, ms. */
export interface AgentClock {
  readonly aheadMs: number;
  /** How wrong that may be: half of the time that the question and its answer took. */
  readonly errorMs: number;
}

/** By this our conversations are known as one CLI's. */
const cli = randomUUID();

const startDeadlineMs = 120_000;

/** Why a pod will never run, if it is plain already. */
const hopeless =
  /^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|CreateContainerError|CreateContainerConfigError|RunContainerError)$/;

/**
 * Waits until a helper pod runs.
 *
 * @throws MigrateError naming the container and its reason as soon as it is plain that it never will
 */
export async function untilHelperRuns(connection: KubeConnection, pod: Pod, signal: AbortSignal): Promise<Pod> {
  const { name, namespace } = pod.metadata;
  const running = await waitFor<Pod>(
    connection,
    {
      collection: `/api/v1/namespaces/${namespace}/pods`,
      name,
      what: `helper pod ${namespace}/${name} to run`,
      deadlineMs: startDeadlineMs,
      isDone: (seen) => {
        if (!seen) throw new MigrateError('failed', `helper pod ${namespace}/${name} in cluster ${connection.name} was deleted`);
        requireHope(connection, seen);
        return seen.status?.phase === 'Running' && Boolean(seen.status.podIP);
      },
      describe: (seen) => `it is ${seen?.status?.phase ?? 'not there'}`,
    },
    signal,
  );
  if (!running) throw new MigrateError('failed', `helper pod ${namespace}/${name} is gone`);
  return running;
}

function requireHope(connection: KubeConnection, { metadata, status }: Pod): void {
  const where = `helper pod ${metadata.namespace}/${metadata.name} in cluster ${connection.name}`;
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unscheduled?.reason === 'Unschedulable') {
    const text = `${where} finds no node at the peer: ${unscheduled.message ?? 'the scheduler does not say why'}`;
    const remedy = 'it tolerates what the moved pod tolerates: add a toleration to that pod, or take the taint away';
    throw refusalBy(finding('KM-UNSCHEDULABLE', { kind: 'pod', name: metadata.name }, text, remedy));
  }
  for (const { name, image, state } of status?.containerStatuses ?? []) {
    const isHopeless = hopeless.test(state?.waiting?.reason ?? '');
    const ended = state?.terminated?.exitCode === 0 ? undefined : state?.terminated;
    const why = isHopeless ? state?.waiting : ended;
    if (why)
      throw new MigrateError(
        'failed',
        `${where} cannot start: container ${name} with image ${image}: ${why.message ?? why.reason ?? 'it failed'}`,
      );
  }
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') {
    throw new MigrateError('failed', `${where} has ended: ${status.message ?? status.reason ?? status.phase}`);
  }
}

/** Opens the conversation, through exec. @throws Error when the agent cannot be reached within some seconds */
export async function openSession(connection: KubeConnection, pod: Pod, signal: AbortSignal): Promise<AgentSession> {
  const { name, namespace = '' } = pod.metadata;
  const target = { namespace, pod: name, container: agentContainer, command: [...agentCommand, 'attach'] };
  for (let attempt = 1; ; attempt++) {
    try {
      // A session outlives the user's wish to stop: rolling back goes through it.
      const session = await exec(connection, target, new AbortController().signal);
      session.stderr.resume();
      const listeners = new Set<(event: AgentEvent) => void>();
      const client = new RpcClient({ input: session.stream, output: session.stream }, `the agent in ${namespace}/${name}`, (told) => {
        const event = checkedEvent(told);
        if (event) for (const listener of listeners) listener(event);
      });
      const call: AgentSession['call'] = async (called, params, deadlineMs) => client.call(called, params, deadlineMs);
      const clock = await compareClocks(call);
      await call('attend', { cli }, 5_000);
      return {
        pod,
        clock,
        call,
        listen: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
        closed: client.closed,
        close: session.close,
      };
    } catch (error) {
      signal.throwIfAborted();
      if (attempt >= 10) throw error;
      await delay(300, undefined, { signal });
    }
  }
}

/** The quickest of a few answers tells most: the agent looked at its clock somewhere within it. */
async function compareClocks(call: AgentSession['call']): Promise<AgentClock> {
  const samples: AgentClock[] = [];
  for (let question = 0; question < 3; question++) {
    const from = performance.now();
    const { now } = await call('hello', null, 5_000);
    const errorMs = (performance.now() - from) / 2;
    samples.push({ aheadMs: now - (performance.timeOrigin + from + errorMs), errorMs });
  }
  return samples.reduce((best, sample) => (sample.errorMs < best.errorMs ? sample : best));
}

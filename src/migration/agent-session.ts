import { setTimeout as delay } from 'node:timers/promises';
import { MigrateError } from '../errors.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { exec } from '../kube/exec.ts';
import { waitFor } from '../kube/wait.ts';
import type { Pod } from '../kube/types.ts';
import type { AgentCalls, AgentEvent } from '../protocol/agent-calls.ts';
import { RpcClient } from '../protocol/rpc.ts';
import { agentCommand, agentContainer } from './helper-pods.ts';

/** A conversation with the agent in a helper pod. */
export interface AgentSession {
  readonly pod: Pod;
  /** @throws Error with the agent's own words */
  call: <Name extends keyof AgentCalls>(name: Name, params: AgentCalls[Name]['params'], deadlineMs: number) => Promise<AgentCalls[Name]['result']>;
  /** Settles (never rejects) when the conversation has ended, with the reason. */
  readonly closed: Promise<Error>;
  close: () => void;
}

const startDeadlineMs = 120_000;

/** Why a pod will never run, if it is plain already. */
const hopeless = /^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|CreateContainerError|CreateContainerConfigError|RunContainerError)$/;

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
  for (const { name, image, state } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    if (state?.waiting?.reason && hopeless.test(state.waiting.reason)) {
      throw new MigrateError('failed', `${where} cannot start: container ${name} with image ${image}: ${state.waiting.message ?? state.waiting.reason}`);
    }
  }
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') {
    throw new MigrateError('failed', `${where} has ended: ${status.message ?? status.reason ?? status.phase}`);
  }
}

/** Opens the conversation, through exec. @throws Error when the agent cannot be reached within some seconds */
export async function openSession(connection: KubeConnection, pod: Pod, onEvent: (event: AgentEvent) => void, signal: AbortSignal): Promise<AgentSession> {
  const { name, namespace = '' } = pod.metadata;
  const target = { namespace, pod: name, container: agentContainer, command: [...agentCommand, 'attach'] };
  for (let attempt = 1; ; attempt++) {
    try {
      // A session outlives the user's wish to stop: taking everything back goes through it.
      const session = await exec(connection, target, new AbortController().signal);
      session.stderr.resume();
      const client = new RpcClient({ input: session.stream, output: session.stream }, `the agent in ${namespace}/${name}`, (event) => onEvent(event as AgentEvent));
      const opened: AgentSession = {
        pod,
        call: async (call, params, deadlineMs) => client.call(call, params, deadlineMs),
        closed: client.closed,
        close: session.close,
      };
      await opened.call('hello', null, 5_000);
      return opened;
    } catch (error) {
      signal.throwIfAborted();
      if (attempt >= 10) throw error;
      await delay(300, undefined, { signal });
    }
  }
}

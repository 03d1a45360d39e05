import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import type { Hello, Role } from '../protocol/agent-calls.ts';
import type { AgentEvent } from '../protocol/agent-events.ts';
import { serveCalls, type Handler } from '../protocol/rpc.ts';
import { version } from '../version.ts';
import { Attendance } from './attendance.ts';
import { now, type EventSink } from './clock.ts';
import type { MigrationEnd } from './end.ts';

const lookAgainMs = 1_000;

/** What anybody may ask, also while a CLI attends. */
const harmless = new Set(['source.state', 'target.state']);

export interface Served {
  readonly socketPath: string;
  readonly role: Role;
  readonly migration: string;
  /** @param isAttended whether a CLI would hear what happens now, and go on with it */
  readonly makeEnd: (emit: EventSink, isAttended: () => boolean) => MigrationEnd;
}

/**
 * Serves one end of one migration to the CLI that attends it. When that is silent for long, what is not committed is undone: an
 * agent never waits for a person.
 *
 * @returns `abandon`, for when the agent itself has to go, and `close`
 */
export async function serveEnd({ socketPath, role, migration, makeEnd }: Served): Promise<{
  readonly abandon: (reason: string) => Promise<void>;
  readonly close: () => void;
}> {
  const audience = new Audience();
  const emit = (event: AgentEvent): void => {
    log(event);
    audience.tell(event);
  };
  const attendance = new Attendance(() => performance.now());
  const end = makeEnd(emit, () => attendance.isAttended());
  const hello = (): Hello => ({
    now: now(),
    version,
    role,
    migration,
    state: end.state(),
    isAttended: attendance.isAttended(),
    isConnected: attendance.isConnected,
  });
  const answers = new Map<string, Promise<unknown>>();
  const attending = new Map<Socket, string>();
  /** Whoever attended before learns by this that another one does. */
  const dismissOthers = (cli: string): void => {
    for (const [socket, one] of attending) if (one !== cli) socket.destroy();
  };

  rmSync(socketPath, { force: true });
  const server = createServer((socket) => {
    const leave = new AbortController();
    socket.on('error', () => undefined);
    socket.on('data', () => attendance.heard(attending.get(socket)));
    const handle: Handler = async (method, params, send, id) => {
      const cli = attending.get(socket);
      if (method === 'hello') return hello();
      if (method === 'attend') {
        const asking = String((params as { cli?: unknown } | null)?.cli);
        if (cli !== undefined || !attendance.claim(asking)) return { isYours: cli === asking };
        attending.set(socket, asking);
        dismissOthers(asking);
        audience.join(send, leave.signal);
        return { isYours: true };
      }
      if (harmless.has(method)) return await answer(end, method, params);
      if (cli === undefined || !attendance.isOf(cli)) throw new Error('another kubectl migrate attends this migration');
      // Asked again through another connection, it is the same call, which goes on or has its answer.
      const key = `${cli} ${id}`;
      const given = answers.get(key) ?? answer(end, method, params);
      answers.set(key, given);
      return await given;
    };
    void serveCalls({ input: socket, output: socket }, handle)
      .catch((error: unknown) => log({ type: 'log', message: `the CLI's connection broke: ${String(error)}` }))
      .finally(() => {
        leave.abort();
        attendance.left(attending.get(socket));
        attending.delete(socket);
        socket.destroy();
      });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, () => resolve()));

  const abandon = async (reason: string): Promise<void> =>
    end.abandon(reason).catch((error: unknown) => log({ type: 'log', message: `cannot roll back: ${(error as Error).message}` }));
  const watch = setInterval(() => {
    if (!attendance.isOrphaned()) return;
    clearInterval(watch);
    void abandon('kubectl migrate went away');
  }, lookAgainMs);
  log({ type: 'log', message: `the ${role} agent of migration ${migration} is ready` });
  return {
    abandon,
    close: () => {
      clearInterval(watch);
      server.close();
      for (const socket of attending.keys()) socket.destroy();
    },
  };
}

/** Those who hear what the agent tells. Who comes later, in the place of a connection that broke, hears the stages again. */
class Audience {
  readonly #hearers = new Set<(event: unknown) => void>();
  readonly #stages: AgentEvent[] = [];

  join(send: (event: unknown) => void, leave: AbortSignal): void {
    for (const stage of this.#stages) send(stage);
    this.#hearers.add(send);
    leave.addEventListener('abort', () => this.#hearers.delete(send), { once: true });
  }

  tell(event: AgentEvent): void {
    if (event.type === 'stage') this.#stages.push(event);
    for (const send of this.#hearers) send(event);
  }
}

async function answer({ calls }: MigrationEnd, method: string, params: unknown): Promise<unknown> {
  const call = Object.hasOwn(calls, method)
    ? (calls as Record<string, ((params: unknown) => Promise<unknown>) | undefined>)[method]
    : undefined;
  if (!call) throw new Error(`this agent does not know the call ${JSON.stringify(method)}`);
  log({ type: 'log', message: `call ${method}` });
  try {
    return await call(params);
  } catch (error) {
    log({ type: 'log', message: `call ${method} failed: ${(error as Error).message}` });
    throw error;
  }
}

/** One JSON line for each event on standard output: `kubectl logs` of the helper tells what happened. */
function log(event: AgentEvent): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`);
}

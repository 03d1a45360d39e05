import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Hello, Role } from '../protocol/agent-calls.ts';
import type { AgentEvent } from '../protocol/agent-events.ts';
import { serveCalls } from '../protocol/rpc.ts';
import { version } from '../version.ts';
import { Attendance } from './attendance.ts';
import { now } from './clock.ts';
import type { MigrationEnd } from './end.ts';
import { sourceEnd } from './source/end.ts';
import { targetEnd } from './target/end.ts';

const lookAgainMs = 1_000;

/**
 * Serves one end of one migration until the process is ended. When the CLI that attends it is silent for long, what is not
 * committed is undone: an agent never waits for a person.
 */
export async function serveAgent(socketPath: string, role: Role, migration: string): Promise<void> {
  const senders = new Set<(event: unknown) => void>();
  const emit = (event: AgentEvent): void => {
    log(event);
    for (const send of senders) send(event);
  };
  const attendance = new Attendance(bootClock);
  const end = role === 'source' ? sourceEnd(migration, emit, () => attendance.isAttended()) : targetEnd(migration, emit);
  const hello = (): Hello => ({ now: now(), version, role, migration, state: end.state(), isAttended: attendance.isAttended() });

  rmSync(socketPath, { force: true });
  const server = createServer((socket) => {
    let cli: string | undefined;
    let sender: ((event: unknown) => void) | undefined;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      if (cli !== undefined) attendance.heard(cli);
    });
    const handle = async (method: string, params: unknown, send: (event: unknown) => void): Promise<unknown> => {
      if (method === 'hello') return hello();
      if (method === 'attend') {
        const asking = String((params as { cli?: unknown } | null)?.cli);
        if (!attendance.claim(asking)) return { isYours: false };
        cli = asking;
        sender = send;
        senders.add(send);
        return { isYours: true };
      }
      return await answer(end, method, params);
    };
    void serveCalls({ input: socket, output: socket }, handle)
      .catch((error: unknown) => log({ type: 'log', message: `the CLI's connection broke: ${String(error)}` }))
      .finally(() => {
        if (sender) senders.delete(sender);
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
  process.on('SIGTERM', () => void abandon('somebody ended a helper pod').finally(() => process.exit(0)));
  log({ type: 'log', message: `the ${role} agent of migration ${migration} is ready` });
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

/** CLOCK_MONOTONIC, ms: it never jumps. */
function bootClock(): number {
  return performance.now();
}

/** One JSON line for each event on standard output: `kubectl logs` of the helper tells what happened. */
function log(event: AgentEvent): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`);
}

import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AgentCalls } from '../protocol/agent-calls.ts';
import type { AgentEvent } from '../protocol/agent-events.ts';
import { serveCalls } from '../protocol/rpc.ts';
import { now } from './clock.ts';
import { uninstall } from './node/install.ts';
import { SourceMigration } from './source/migration.ts';
import { TargetMigration } from './target/migration.ts';

/** How long a migration that was not committed outlives the last CLI that spoke to us. */
const orphanMs = 20_000;

/**
 * Serves the one migration that this agent was started for, to one CLI at a time, until the process is ended.
 * When the CLI goes away and does not come back, what is not committed is undone: an agent never waits for a person.
 */
export async function serveAgent(socketPath: string, migration: string): Promise<void> {
  let send: (event: unknown) => void = () => undefined;
  const emit = (event: AgentEvent): void => {
    log(event);
    send(event);
  };
  const source = new SourceMigration(migration, emit);
  const target = new TargetMigration(migration, emit);
  const calls = handlers(source, target, migration);
  let orphan: NodeJS.Timeout | undefined;

  rmSync(socketPath, { force: true });
  const server = createServer((socket) => {
    clearTimeout(orphan);
    socket.on('error', () => undefined);
    const handle = async (method: string, params: unknown, sender: (event: unknown) => void): Promise<unknown> => {
      send = sender;
      const call = calls[method as keyof AgentCalls] as ((params: unknown) => Promise<unknown>) | undefined;
      if (!call) throw new Error(`this agent does not know the call ${JSON.stringify(method)}; it is of another version`);
      log({ type: 'log', message: `call ${method}` });
      try {
        return await call(params);
      } catch (error) {
        log({ type: 'log', message: `call ${method} failed: ${(error as Error).message}` });
        throw error;
      }
    };
    void serveCalls({ input: socket, output: socket }, handle)
      .catch((error: unknown) => log({ type: 'log', message: `the CLI's connection broke: ${String(error)}` }))
      .finally(() => {
        socket.destroy();
        orphan = setTimeout(() => void undo(source, target, migration, 'kubectl migrate went away'), orphanMs);
      });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, () => resolve()));
  process.on('SIGTERM', () => void undo(source, target, migration, 'somebody ended a helper pod').finally(() => process.exit(0)));
  log({ type: 'log', message: `agent of migration ${migration} is ready` });
}

/**
 * Nobody is left to tell, so a failed undo is only logged. A pod that is awaited here stays awaited, and refused, until
 * somebody has deleted its ShadowPod and the kubelet has taken it away: giving the runtime back earlier would start the
 * program a second time, from nothing.
 */
async function undo(source: SourceMigration, target: TargetMigration, migration: string, reason: string): Promise<void> {
  try {
    const state = await source.abort(new Error(reason));
    target.abort(reason);
    if (target.isAwaiting) await target.untilPodIsGone();
    await target.close();
    // A committed source keeps its record: whoever finds the frozen pod must be able to read what it is.
    if (state === 'running' || source.isOver) await uninstall(migration);
  } catch (error) {
    log({ type: 'log', message: `cannot undo: ${(error as Error).message}` });
  }
}

type Handlers = { [Name in keyof AgentCalls]: (params: AgentCalls[Name]['params']) => Promise<AgentCalls[Name]['result']> };

function handlers(source: SourceMigration, target: TargetMigration, migration: string): Handlers {
  return {
    'hello': async () => ({ now: now() }),
    'source.inspect': async (pod) => source.inspect(pod),
    'source.connect': async ({ host, port, key }) => {
      await source.connect(host, port, key);
      return null;
    },
    'source.precopy': async () => source.precopy(),
    'source.checkpoint': async () => source.checkpoint(),
    'source.kill': async () => {
      await source.kill();
      return null;
    },
    'source.takeover': async ({ targetNeverRan, ...pod }) => ({ state: await source.takeOver(pod, targetNeverRan) }),
    'source.abort': async () => ({ state: await source.abort(new Error('the migration was aborted')) }),
    'target.inspect': async () => target.inspect(),
    'target.listen': async ({ key, containers }) => target.listen(key, containers),
    'target.await': async (pod) => {
      await target.await(pod);
      return null;
    },
    'target.armed': async ({ deadlineMs }) => target.armed(deadlineMs),
    'target.finished': async () => target.finished(),
    'target.abort': async () => {
      target.abort('the migration was aborted');
      return { isRunning: target.isRunning };
    },
    'cleanup': async () => {
      source.close();
      await target.close();
      await uninstall(migration);
      return null;
    },
  };
}

/** One JSON line for each event on standard output: `kubectl logs` of the helper tells what happened. */
function log(event: AgentEvent): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`);
}

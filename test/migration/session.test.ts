import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocketServer, type RawData } from 'ws';
import { serveEnd } from '../../src/agent/daemon.ts';
import type { EndCalls } from '../../src/agent/end.ts';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/types.ts';
import { AgentSession } from '../../src/migration/helpers/session.ts';
import type { AgentEvent } from '../../src/protocol/agent-events.ts';
import { RpcClient } from '../../src/protocol/rpc.ts';
import { json, refuse, startApiServer, type ApiServer } from '../kube/api-server.ts';

// The genuine daemon of an agent, reached by exec through a server that speaks as an API server does.
const pod: Pod = { metadata: { name: 'helper', namespace: 'demo', uid: 'u' }, spec: { containers: [] } };
const never = new AbortController().signal;
let folder: string;
let socketPath: string;
let api: ApiServer;
let connection: KubeConnection;
let found: Pod | undefined;
let streams: Socket[];
const calls: { -readonly [Name in keyof EndCalls]: EndCalls[Name] } = {};
let emit: (event: AgentEvent) => void;
let close: () => void;
const sessions: AgentSession[] = [];

beforeEach(async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  folder = mkdtempSync(join(tmpdir(), 'agent-'));
  socketPath = join(folder, 'control.sock');
  for (const name of Object.keys(calls)) delete calls[name as keyof EndCalls];
  ({ close } = await serveEnd({
    socketPath,
    role: 'source',
    migration: 'm',
    makeEnd: (tell) => {
      emit = tell;
      return { calls, state: () => 'idle', abandon: async () => undefined };
    },
  }));
  api = await startApiServer();
  found = pod;
  api.answer((_request, response) => (found ? json(response, found) : refuse(response, 404, 'NotFound', 'pods "helper" not found')));
  streams = [];
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v5.channel.k8s.io' });
  sockets.on('connection', (exec) => {
    const agent = connect(socketPath);
    streams.push(agent);
    agent.on('error', () => undefined);
    agent.on('data', (data: Buffer) => exec.send(Buffer.concat([Buffer.from([1]), data])));
    agent.on('close', () => exec.terminate());
    exec.on('message', (data: RawData) => agent.write((data as Buffer).subarray(1)));
    exec.on('close', () => agent.destroy());
  });
  api.upgrade((request, socket, head) => sockets.handleUpgrade(request, socket, head, (one) => sockets.emit('connection', one, request)));
  connection = await connectionFromKubeconfig(api.kubeconfig(), 'home');
});

afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  close();
  connection.close();
  await api.close();
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

async function attend(): Promise<AgentSession> {
  const session = await AgentSession.open(connection, pod, { role: 'source', migration: 'm' }, never);
  sessions.push(session);
  return session;
}

describe('a stream that breaks', () => {
  test('while a call is under way: the call is done once, and its answer comes through the next stream', async () => {
    let times = 0;
    const done = Promise.withResolvers<{ bytes: number; bytesPerSecond: number }>();
    calls['source.precopy'] = async () => (times++, done.promise);
    const session = await attend();
    const answer = session.call('source.precopy', null, 20_000);
    await vi.waitFor(() => expect(times).toBe(1));
    streams[0]?.destroy();
    await vi.waitFor(() => expect(streams).toHaveLength(2));
    done.resolve({ bytes: 7, bytesPerSecond: 1 });
    expect(await answer).toEqual({ bytes: 7, bytesPerSecond: 1 });
    expect(times).toBe(1);
  });

  test('between two calls: the next one goes through another stream', async () => {
    calls['source.precopy'] = async () => ({ bytes: 1, bytesPerSecond: 1 });
    const session = await attend();
    await session.call('source.precopy', null, 20_000);
    streams[0]?.destroy();
    await delay(20);
    expect(await session.call('source.precopy', null, 20_000)).toEqual({ bytes: 1, bytesPerSecond: 1 });
  });

  test('loses no stage that was told meanwhile, and tells none twice', async () => {
    calls['source.precopy'] = async () => ({ bytes: 1, bytesPerSecond: 1 });
    const session = await attend();
    const stages: string[] = [];
    session.listen((event) => event.type === 'stage' && stages.push(event.stage));
    emit({ type: 'stage', stage: 'frozen', ms: 1, bytes: 0 });
    await vi.waitFor(() => expect(stages).toEqual(['frozen']));
    streams[0]?.destroy();
    await delay(20);
    emit({ type: 'stage', stage: 'sent', ms: 1, bytes: 0 });
    await session.call('source.precopy', null, 20_000);
    expect(stages).toEqual(['frozen', 'sent']);
  });

  test('because the helper is gone fails at once, and says so', async () => {
    const session = await attend();
    close();
    found = undefined;
    const begun = performance.now();
    await expect(session.call('source.precopy', null, 20_000)).rejects.toThrow('the agent of helper pod demo/helper is gone');
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('another command', () => {
  test('is refused while one attends', async () => {
    await attend();
    const socket = connect(socketPath);
    const other = new RpcClient({ input: socket, output: socket }, 'the agent', () => undefined);
    expect(await other.call(1, 'hello', null, 5_000)).toMatchObject({
      isAttended: true,
      isConnected: true,
      migration: 'm',
      role: 'source',
    });
    expect(await other.call(2, 'attend', { cli: 'other' }, 5_000)).toEqual({ isYours: false });
    await expect(other.call(3, 'source.abort', null, 5_000)).rejects.toThrow('another kubectl migrate attends');
    socket.destroy();
  });

  test('that came when the first one was silent has it, and the first one does nothing more', async () => {
    const done: string[] = [];
    calls['source.abort'] = async () => (done.push('abort'), { state: 'runs' as const });
    const first = await attend();
    // All its streams break, and it does not come back in time.
    const dead = vi.spyOn(connection, 'webSocketOptions').mockRejectedValue(new Error('asleep'));
    streams[0]?.destroy();
    const socket = connect(socketPath);
    const other = new RpcClient({ input: socket, output: socket }, 'the agent', () => undefined);
    await vi.waitFor(async () => expect(await other.call(Math.random(), 'attend', { cli: 'other' }, 5_000)).toEqual({ isYours: true }), {
      timeout: 10_000,
      interval: 200,
    });
    dead.mockRestore();
    await expect(first.call('source.abort', null, 20_000)).rejects.toThrow('another kubectl migrate has taken over');
    expect(done).toEqual([]);
    socket.destroy();
  });
});

test('an agent of another version or migration is refused', async () => {
  await expect(AgentSession.open(connection, pod, { role: 'source', migration: 'other' }, never)).rejects.toThrow(
    'serves the source of migration m',
  );
  await expect(AgentSession.open(connection, pod, { role: 'target', migration: 'm' }, never)).rejects.toThrow(
    'serves the source of migration m',
  );
});

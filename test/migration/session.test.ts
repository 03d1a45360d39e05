import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AgentSession } from '../../src/migration/helpers/session.ts';
import { RpcClient, serveCalls } from '../../src/protocol/rpc.ts';
import { startAgents, type Agents, type TestAgent } from './agents.ts';

const never = new AbortController().signal;
const sessions: AgentSession[] = [];
let agents: Agents;
let agent: TestAgent;

beforeEach(async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  agents = await startAgents();
  agent = await agents.start('source');
});

afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  await agents.close();
  vi.restoreAllMocks();
});

async function attend(): Promise<AgentSession> {
  const session = await AgentSession.open(agents.connection, agent.pod, { role: 'source', migration: 'm' }, never);
  sessions.push(session);
  return session;
}

describe('a stream that breaks', () => {
  test('while a call is under way: the call is done once, and its answer comes through the next stream', async () => {
    let times = 0;
    const done = Promise.withResolvers<{ bytes: number; bytesPerSecond: number }>();
    agent.calls['source.precopy'] = async () => (times++, done.promise);
    const session = await attend();
    const answer = session.call('source.precopy', null, 20_000);
    await vi.waitFor(() => expect(times).toBe(1));
    agent.streams[0]?.destroy();
    await vi.waitFor(() => expect(agent.streams).toHaveLength(2));
    done.resolve({ bytes: 7, bytesPerSecond: 1 });
    expect(await answer).toEqual({ bytes: 7, bytesPerSecond: 1 });
    expect(times).toBe(1);
  });

  test('between two calls: the next one goes through another stream', async () => {
    agent.calls['source.precopy'] = async () => ({ bytes: 1, bytesPerSecond: 1 });
    const session = await attend();
    await session.call('source.precopy', null, 20_000);
    agent.streams[0]?.destroy();
    await delay(20);
    expect(await session.call('source.precopy', null, 20_000)).toEqual({ bytes: 1, bytesPerSecond: 1 });
  });

  test('loses no stage that was told meanwhile, and tells none twice', async () => {
    agent.calls['source.precopy'] = async () => ({ bytes: 1, bytesPerSecond: 1 });
    const session = await attend();
    const stages: string[] = [];
    session.listen((event) => event.type === 'stage' && stages.push(event.stage));
    agent.emit({ type: 'stage', stage: 'frozen', ms: 1, bytes: 0 });
    await vi.waitFor(() => expect(stages).toEqual(['frozen']));
    agent.streams[0]?.destroy();
    await delay(20);
    agent.emit({ type: 'stage', stage: 'sent', ms: 1, bytes: 0 });
    await session.call('source.precopy', null, 20_000);
    expect(stages).toEqual(['frozen', 'sent']);
  });

  test('because the helper is gone fails at once, and says so', async () => {
    const session = await attend();
    agent.die();
    const begun = performance.now();
    await expect(session.call('source.precopy', null, 20_000)).rejects.toThrow('the agent of helper pod demo/source is gone');
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('of two streams of one command', () => {
  const attending = async (): Promise<() => void> => {
    const socket = connect(agent.socketPath);
    const client = new RpcClient({ input: socket, output: socket }, 'the agent', () => undefined);
    expect(await client.call(1, 'attend', { cli: 'one' }, 5_000)).toEqual({ isYours: true });
    return () => socket.destroy();
  };
  /** Both ends' timers and clock go on at once; what they say to each other goes its genuine way. */
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      vi.advanceTimersByTime(1_000);
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };

  beforeEach(() => {
    // Before it starts, so that its own look after who attends goes by this clock too.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  });
  afterEach(() => void vi.useRealTimers());

  test('one may end: the agent gives nothing up under the other, and does when that ends as well', async () => {
    agent = await agents.start('target');
    const [endOne, endOther] = [await attending(), await attending()];
    endOne();
    await pass(25);
    expect(agent.abandoned).toEqual([]);
    endOther();
    await pass(25);
    expect(agent.abandoned).toEqual(['kubectl migrate went away']);
  });
});

describe('another command', () => {
  test('is refused while one attends', async () => {
    await attend();
    const socket = connect(agent.socketPath);
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
    agent.calls['source.abort'] = async () => (done.push('abort'), { state: 'runs' as const });
    const first = await attend();
    // All its streams break, and it does not come back in time.
    const dead = vi.spyOn(agents.connection, 'webSocketOptions').mockRejectedValue(new Error('asleep'));
    agent.streams[0]?.destroy();
    const socket = connect(agent.socketPath);
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

test('an agent of another version is refused, and was asked for nothing but that', async () => {
  const asked: string[] = [];
  const hello = { now: 0, version: '0.0.0', role: 'source', migration: 'm', state: 'idle', isAttended: false, isConnected: false };
  rmSync(agent.socketPath);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    void serveCalls(
      { input: socket, output: socket },
      async (method) => (asked.push(method), method === 'hello' ? hello : { isYours: true }),
    );
  });
  await new Promise<void>((resolve) => server.listen(agent.socketPath, resolve));
  try {
    await expect(attend()).rejects.toThrow('is of version 0.0.0');
    expect(new Set(asked)).toEqual(new Set(['hello']));
  } finally {
    server.close();
  }
});

test('an agent of another role or migration is refused', async () => {
  await expect(AgentSession.open(agents.connection, agent.pod, { role: 'source', migration: 'other' }, never)).rejects.toThrow(
    'serves the source of migration m',
  );
  await expect(AgentSession.open(agents.connection, agent.pod, { role: 'target', migration: 'm' }, never)).rejects.toThrow(
    'serves the source of migration m',
  );
});

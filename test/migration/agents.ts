import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketServer, type RawData } from 'ws';
import { serveEnd } from '../../src/agent/daemon.ts';
import type { EndCalls } from '../../src/agent/end.ts';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/types.ts';
import type { Role } from '../../src/protocol/agent-calls.ts';
import type { AgentEvent } from '../../src/protocol/agent-events.ts';
import { json, refuse, startApiServer, type ApiServer } from '../kube/api-server.ts';

/** The genuine daemon of an agent, whose end answers as a test wants, in a helper pod of that name. */
export interface TestAgent {
  readonly pod: Pod;
  readonly socketPath: string;
  readonly calls: { -readonly [Name in keyof EndCalls]: EndCalls[Name] };
  readonly emit: (event: AgentEvent) => void;
  /** What joins it, the way exec does; the last one last. */
  readonly streams: Socket[];
  /** Why it was left alone, each time that it took itself for that. */
  readonly abandoned: string[];
  /** Its pod is gone, and its streams. */
  readonly die: () => void;
}

export interface Agents {
  readonly api: ApiServer;
  readonly connection: KubeConnection;
  readonly start: (role: Role) => Promise<TestAgent>;
  readonly close: () => Promise<void>;
}

/** A server that joins whoever asks to the agents' sockets, as API server, kubelet and `agent attach` do. No pod can be made there. */
export async function startAgents(): Promise<Agents> {
  const folder = mkdtempSync(join(tmpdir(), 'agents-'));
  const agents = new Map<string, TestAgent>();
  const closings: (() => void)[] = [];
  const api = await startApiServer();
  const named = (path: string): TestAgent | undefined => agents.get(/\/pods\/([^/?]+)/.exec(path)?.[1] ?? '');
  api.answer(({ method, path }, response) => {
    const found = named(path);
    if (method === 'POST') return refuse(response, 403, 'Forbidden', 'no pods here');
    return found ? json(response, found.pod) : refuse(response, 404, 'NotFound', 'it is not there');
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v5.channel.k8s.io' });
  api.upgrade((request, socket, head) => {
    const agent = named(request.url ?? '');
    if (!agent) return void socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (exec) => {
      const stream = connect(agent.socketPath);
      agent.streams.push(stream);
      stream.on('error', () => undefined);
      stream.on('data', (data: Buffer) => exec.send(Buffer.concat([Buffer.from([1]), data])));
      stream.on('close', () => exec.terminate());
      exec.on('message', (data: RawData) => stream.write((data as Buffer).subarray(1)));
      exec.on('close', () => stream.destroy());
    });
  });
  const connection = await connectionFromKubeconfig(api.kubeconfig(), 'home');
  return {
    api,
    connection,
    start: async (role) => {
      const socketPath = join(folder, `${role}.sock`);
      const calls: TestAgent['calls'] = {};
      const abandoned: string[] = [];
      let emit: TestAgent['emit'] = () => undefined;
      const { close } = await serveEnd({
        socketPath,
        role,
        migration: 'm',
        makeEnd: (tell) => {
          emit = tell;
          return { calls, state: () => 'idle', abandon: async (reason) => void abandoned.push(reason) };
        },
      });
      closings.push(close);
      const pod: Pod = { metadata: { name: role, namespace: 'demo', uid: role }, spec: { containers: [] }, status: { phase: 'Running' } };
      const die = (): void => {
        agents.delete(role);
        close();
      };
      const agent = { pod, socketPath, calls, emit, streams: [], abandoned, die };
      agents.set(role, agent);
      return agent;
    },
    close: async () => {
      for (const close of closings) close();
      connection.close();
      await api.close();
      rmSync(folder, { recursive: true });
    },
  };
}

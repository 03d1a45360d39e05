import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveEnd } from '../../src/agent/daemon.ts';
import type { EndCalls } from '../../src/agent/end.ts';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';
import type { ShadowPod } from '../../src/liqo/forge-shadow-pod.ts';
import type { MigrationRequest } from '../../src/migration/contract.ts';
import type { NodeFacts, Role } from '../../src/protocol/agent-calls.ts';
import type { AgentEvent } from '../../src/protocol/agent-events.ts';
import { homeObjects } from '../commands/home-cluster.ts';
import { json } from '../kube/api-server.ts';
import { joinAgents } from './join-agents.ts';
import { startObjectStore, type ObjectStore } from './object-store.ts';

type Calls = { -readonly [Name in keyof EndCalls]: EndCalls[Name] };

type NamespaceMap = KubeObject & { status: { currentMapping: { demo: { remoteNamespace: string } } } };

/**
 * Two peered clusters in one process: object stores in the places of their API servers, with as much of a kubelet's and of Liqo's
 * behaviour as one move of pod `demo/web-0` needs, and the genuine daemons of agents, whose ends do nothing and tell that all went
 * well.
 */
export interface Clusters {
  readonly home: ObjectStore;
  readonly peer: ObjectStore;
  readonly request: MigrationRequest;
  /** What the agents answer; a test may have them fail. */
  readonly calls: Record<Role, Calls>;
  /** What was asked of them that changes something on their nodes, in its order. */
  readonly asked: string[];
  readonly close: () => Promise<void>;
}

const pods = '/api/v1/namespaces/demo/pods';
const shadowPods = '/apis/offloading.liqo.io/v1beta1/namespaces/demo-twin/shadowpods';
const podsThere = '/api/v1/namespaces/demo-twin/pods';

const facts: NodeFacts = {
  architecture: 'x64',
  kernel: '6',
  cgroupVersion: 2,
  cpuFlags: [],
  runtime: 'runc',
  runtimeVersion: 'runc 1',
  room: { diskFreeBytes: 1e12, diskKeptBytes: 0, memoryFreeBytes: 1e12, memoryKeptBytes: 0 },
  helperLimits: { lifted: [], left: [] },
};

export async function startClusters(): Promise<Clusters> {
  const folder = mkdtempSync(join(tmpdir(), 'clusters-'));
  const sockets = new Map<string, string>();
  const closings: (() => void)[] = [];
  const asked: string[] = [];
  const calls: Clusters['calls'] = { source: {}, target: {} };
  const emits: Partial<Record<Role, (event: AgentEvent) => void>> = {};

  const startAgent = async ({ metadata, spec }: Pod): Promise<void> => {
    const [, role, migration] = (spec.containers[0]?.args ?? []) as unknown as [string, Role, string];
    const socketPath = join(folder, `${metadata.name.slice(-16)}.sock`);
    const { close } = await serveEnd({
      socketPath,
      role,
      migration,
      makeEnd: (emit) => {
        emits[role] = emit;
        return { calls: heard(calls[role], asked), state: () => 'idle', abandon: async () => undefined };
      },
    });
    sockets.set(metadata.name, socketPath);
    closings.push(close);
  };

  const peer = await startObjectStore('peer', (collection, object) => {
    if (collection !== shadowPods || peer.objects.has(`${podsThere}/${object.metadata.name}`)) return joined(object);
    const { uid = '', ...metadata } = object.metadata;
    const owner = { apiVersion: 'offloading.liqo.io/v1beta1', kind: 'ShadowPod', name: metadata.name, uid, controller: true };
    const made = { ...metadata, namespace: 'demo-twin', ownerReferences: [owner] };
    const { spec } = object as ShadowPod;
    peer.put(podsThere, { kind: 'Pod', metadata: made, spec: spec.pod } as Pod);
  });
  /** The virtual kubelet has adopted the ShadowPod: home sees its pod run. */
  const joined = ({ metadata }: KubeObject): void => {
    const at = home.objects.get(`${pods}/${metadata.name}`) as Pod | undefined;
    if (at && metadata.labels?.['offloading.liqo.io/nodename']) home.put(pods, running(at));
  };

  const home = await startObjectStore(
    'home',
    async (collection, object) => {
      if (collection !== pods) return;
      const pod = object as Pod;
      if (pod.metadata.labels?.['kubectl-migrate/role'] === undefined) {
        home.put(pods, { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, 'liqo.io/shadowPod': 'true' } } });
        return;
      }
      await startAgent(pod);
      if (pod.spec.nodeName === 'away') peer.put(podsThere, running({ ...pod, spec: { ...pod.spec, nodeName: 'away-1' } }));
      home.put(pods, running(pod));
    },
    ({ method, path }, response) => {
      if (method !== 'POST' || !path.endsWith('/token')) return false;
      json(response, { status: { token: 'secret', expirationTimestamp: '2030-01-01T00:00:00Z' } }, 201);
      return true;
    },
  );
  for (const [path, object] of Object.entries(homeObjects())) if (path !== pods) home.objects.set(path, object as KubeObject);
  const map = home.objects.get('/apis/offloading.liqo.io/v1beta1/namespaces/liqo-tenant-away/namespacemaps/away') as NamespaceMap;
  map.status.currentMapping.demo.remoteNamespace = 'demo-twin';
  const web = home.objects.get(`${pods}/web-0`) as Pod;
  web.spec.volumes?.push({ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } });
  const kubeconfig = Buffer.from(peer.api.kubeconfig()).toString('base64');
  const secret = { metadata: { name: 'kubeconfig-resourceslice-away' }, data: { kubeconfig } };
  home.objects.set('/api/v1/namespaces/liqo-tenant-away/secrets/kubeconfig-resourceslice-away', secret);

  joinAgents(
    home.api,
    (pod) => sockets.get(pod),
    () => undefined,
  );

  Object.assign(calls.source, {
    'source.inspect': async () => ({ facts, memoryBytes: 1e6, fileBytes: 0, dirtyBytes: 0, findings: [] }),
    'source.connect': async () => null,
    'source.precopy': async () => ({ bytes: 10, bytesPerSecond: 1e8 }),
    'source.checkpoint': async () => {
      for (const stage of ['frozen', 'sent', 'held', 'committed', 'running'] as const)
        emits.source?.({ type: 'stage', stage, ms: 1, bytes: 1 });
      return { frozenMs: 5, bytes: 5 };
    },
    'source.state': async () => ({ state: 'committed', record: null }),
    'source.abort': async () => ({ state: 'runs' }),
    'source.takeover': async () => ({ state: 'runs', record: null }),
    'source.kill': async () => null,
    'cleanup': async () => ({ refusing: false }),
  } satisfies Calls);
  Object.assign(calls.target, {
    'target.inspect': async () => ({ facts }),
    'target.listen': async () => ({ port: 1 }),
    'target.await': async () => null,
    'target.armed': async () => ({ podUid: peer.objects.get(`${podsThere}/web-0`)?.metadata.uid ?? '' }),
    'target.state': async () => ({ state: 'silent' }),
    'target.abort': async () => ({ state: 'never' }),
    'target.commit': async () => ({ state: 'runs' }),
    'target.finished': async () => ({ notes: [] }),
    'cleanup': async () => ({ refusing: false }),
  } satisfies Calls);

  const connection: KubeConnection = await connectionFromKubeconfig(home.api.kubeconfig(), 'home');
  return {
    home,
    peer,
    request: { connection, namespace: 'demo', pod: 'web-0', to: 'away', agentImage: 'agent:1' },
    calls,
    asked,
    close: async () => {
      for (const close of closings) close();
      connection.close();
      await home.api.close();
      await peer.api.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The same answers, with a note of each question. */
function heard(calls: Calls, asked: string[]): EndCalls {
  return new Proxy(calls, {
    get: (target, name: keyof EndCalls) => {
      const call = target[name] as ((params: unknown) => Promise<unknown>) | undefined;
      return call && (async (params: unknown) => (asked.push(name), await call(params)));
    },
  });
}

function running(pod: Pod): Pod {
  const containerStatuses = pod.spec.containers.map(({ name }) => ({
    name,
    ready: true,
    imageID: 'busybox@sha256:0',
    containerID: 'containerd://1',
    state: { running: {} },
  }));
  return { ...pod, status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], containerStatuses } };
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from '../../src/commands/run.ts';
import type { ApiServer } from '../kube/api-server.ts';
import { Terminal } from '../cli/terminal.ts';
import { changesSeenBy, homeObjects, startHomeCluster } from './home-cluster.ts';

const offloading = '/apis/offloading.liqo.io/v1beta1';
const ready = [{ type: 'Ready', status: 'True' }];
let api: ApiServer;
let folder: string;
let objects: Record<string, object>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
  objects = homeObjects();
  const nodeOf = (name: string, status: object): object => ({
    metadata: { name },
    status: { nodeInfo: { kubeletVersion: 'v1.35.4' }, ...status },
  });
  const allocatable = { cpu: '16', memory: '20Gi', pods: '200' };
  objects['/api/v1/nodes/away'] = nodeOf('away', { conditions: ready, allocatable });
  objects['/api/v1/nodes/rome'] = nodeOf('rome', {
    conditions: [{ type: 'Ready', status: 'False', message: 'the API server of rome is silent' }],
    allocatable,
  });
  objects['/api/v1/pods'] = {
    metadata: {},
    items: [{ metadata: { name: 'x' }, spec: { containers: [{ name: 'c', resources: { requests: { cpu: '250m', memory: '1Gi' } } }] } }],
  };
  const virtualNodes = objects[`${offloading}/virtualnodes`] as { items: object[] };
  virtualNodes.items = ['rome', 'away', 'gone'].map((name) => ({
    metadata: { name, namespace: `liqo-tenant-${name}` },
    spec: { clusterID: `${name}-id` },
  }));
  objects[`${offloading}/namespaces/liqo-tenant-away/namespacemaps/away-id`] = {
    status: { currentMapping: { demo: { remoteNamespace: 'demo-home', phase: 'Accepted' } } },
  };
  objects[`${offloading}/namespaces/liqo-tenant-rome/namespacemaps/rome-id`] = { status: { currentMapping: {} } };
  api = await startHomeCluster(objects, () => undefined);
  writeFileSync(join(folder, 'config'), api.kubeconfig());
});

afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

/** What `kubectl migrate targets` prints. */
async function targets(...words: string[]): Promise<{ out: string; err: string }> {
  const [out, err] = [new Terminal(false), new Terminal(false)];
  await runCli(['targets', '--kubeconfig', join(folder, 'config'), ...words], { out: out.stream, err: err.stream });
  return { out: out.text, err: err.text };
}

test('the list reads like one of kubectl get', async () => {
  const texts = [
    await targets(),
    await targets('-o', 'wide'),
    await targets('--no-headers'),
    await targets('-n', 'shop'),
    await targets('-o', 'name'),
  ];
  await expect(texts.map(({ out }) => out).join('\n')).toMatchFileSnapshot('targets.txt');
  expect(texts.map(({ err }) => err).join('')).toBe('');
  expect(changesSeenBy(api)).toEqual([]);
});

test('a namespace whose pods must stay at home is told', async () => {
  objects[`${offloading}/namespaces/demo/namespaceoffloadings/offloading`] = { spec: { podOffloadingStrategy: 'Local' } };
  const { out } = await targets('-o', 'jsonpath={.items[?(@.name=="away")].findings[*].text}');
  expect(out).toBe('namespace demo is offloaded with strategy Local: its pods must stay at home');
});

test('what is free is unknown to those who may not list pods', async () => {
  delete objects['/api/v1/pods'];
  expect((await targets('-o', 'jsonpath={.items[0].free}')).out).toBe('null');
  expect((await targets('--no-headers')).out).toMatch(/^away +Ready +away-id +<unknown> +<unknown> +demo-home +<none>\n/);
});

test('without peers there is nothing to list', async () => {
  (objects[`${offloading}/virtualnodes`] as { items: object[] }).items = [];
  expect(await targets()).toEqual({ out: '', err: 'No peered clusters found in cluster test.\n' });
  expect(await targets('-o', 'json')).toEqual({ out: '{\n    "items": []\n}\n', err: '' });
  expect(await targets('-o', 'name')).toEqual({ out: '', err: '' });
});

test('without Liqo it is refused', async () => {
  delete objects[`${offloading}/virtualnodes`];
  await expect(targets()).rejects.toMatchObject({
    kind: 'refused',
    message: 'cluster test has no Liqo (no virtual nodes are known there) [KM-NO-LIQO]',
  });
});

test('a template that is none is refused before the server is asked', async () => {
  await expect(targets('-o', 'jsonpath={.items')).rejects.toMatchObject({
    kind: 'usage',
    message: 'error: error parsing jsonpath {.items, unclosed action',
  });
  expect(api.seen).toEqual([]);
});

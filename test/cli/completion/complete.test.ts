import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { complete } from '../../../src/cli/completion/complete.ts';
import { homeObjects, startHomeCluster } from '../../commands/home-cluster.ts';
import { refuse, type ApiServer } from '../../kube/api-server.ts';

const main = join(import.meta.dirname, '../../../src/main.ts');
const pods = '/api/v1/namespaces/demo/pods';
let api: ApiServer;
let folder: string;
let objects: Record<string, object>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
  objects = homeObjects();
  const web0 = objects[`${pods}/web-0`] as { metadata: object; spec: object; status: object };
  objects[pods] = {
    metadata: {},
    items: [
      web0,
      { ...web0, metadata: { name: 'web-1' }, spec: { ...web0.spec, hostNetwork: true, hostPID: true } },
      { ...web0, metadata: { name: 'db-0' }, status: { phase: 'Pending' } },
    ],
  };
  api = await startHomeCluster(objects, (_request, response) => refuse(response, 403, 'Forbidden', 'you may only look'));
  writeFileSync(join(folder, 'config'), api.kubeconfig());
  vi.stubEnv('KUBECONFIG', join(folder, 'config'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await api.close();
  rmSync(folder, { recursive: true });
});

async function ask(...words: string[]): Promise<string[]> {
  return (await complete(words)).trimEnd().split('\n');
}

/** Asks as kubectl does. Nothing may ever be said beside the answer, nor may a question fail. */
async function askProgram(...args: string[]): Promise<string[]> {
  const env = { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect({ code, stderr: said.stderr }).toEqual({ code: 0, stderr: '' });
  expect(said.stdout).toMatch(/\n$/);
  return said.stdout.trimEnd().split('\n');
}

test('pods come with where they are, whether they are ready and what is in the way', async () => {
  expect(await ask('web')).toEqual([
    'web-0\thome-1, 1/1 ready',
    'web-1\thome-1, 1/1 ready; cannot move: it uses the network of its node (hostNetwork), and 1 more',
    ':4',
  ]);
  expect(await ask('pod/d')).toEqual(['pod/db-0\thome-1, 0/1 ready; cannot move: it does not run (Pending)', ':4']);
  expect(api.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([`GET ${pods}`, `GET ${pods}`]);
});

test('pods are those of the namespace that was typed before', async () => {
  objects['/api/v1/namespaces/shop/pods'] = {
    metadata: {},
    items: [{ metadata: { name: 'till' }, spec: { nodeName: 'home-1', containers: [] }, status: {} }],
  };
  expect(await ask('-n', 'shop', 'ti')).toEqual([expect.stringMatching(/^till\t/), ':4']);
});

test('a pod with the name of a command is not offered: that word would mean the command', async () => {
  objects[pods] = { metadata: {}, items: ['targets', 'targets-0'].map((name) => ({ metadata: { name }, spec: { containers: [] } })) };
  const lines = await ask('tar');
  expect(lines.map((line) => line.split('\t')[0])).toEqual(['targets', 'targets-0', ':4']);
  expect(lines[0]).not.toContain('cannot move');
});

test('a pod that is on the line already is not offered again, in either form', async () => {
  expect((await ask('web-0', 'we')).map((line) => line.split('\t')[0])).toEqual(['web-1', ':4']);
  expect((await ask('pod/web-0', 'pod/we')).map((line) => line.split('\t')[0])).toEqual(['pod/web-1', ':4']);
  expect((await ask('pod', 'web-0', 'we')).map((line) => line.split('\t')[0])).toEqual(['web-1', ':4']);
});

test('what keeps pods comes with how many it has, and its kind before that without a blank', async () => {
  objects['/apis/apps/v1/namespaces/demo/deployments'] = {
    metadata: {},
    items: [
      { metadata: { name: 'web' }, status: { replicas: 3 } },
      { metadata: { name: 'web-idle' }, status: {} },
    ],
  };
  objects['/apis/batch/v1/namespaces/demo/jobs'] = { metadata: {}, items: [{ metadata: { name: 'import' }, status: { active: 2 } }] };
  expect(await ask('deploy/we')).toEqual(['deploy/web\tpods: 3', 'deploy/web-idle\tpods: 0', ':4']);
  expect(await ask('deployment', 'web', 'we')).toEqual(['web-idle\tpods: 0', ':4']);
  expect(await ask('job/')).toEqual(['job/import\tpods: 2', ':4']);
  expect(await ask('depl')).toEqual(['deployment/\tthe pods of a Deployment', ':6']);
});

test('Knative Services are known by their pods', async () => {
  const ofService = (name: string): object => ({ metadata: { name, labels: { 'serving.knative.dev/service': 'fn' } }, spec: {} });
  objects[pods] = { metadata: {}, items: [ofService('fn-1'), ofService('fn-2')] };
  expect(await ask('ksvc/')).toEqual(['ksvc/fn\tpods: 2', ':4']);
  expect(api.seen.at(-1)?.query.get('labelSelector')).toBe('serving.knative.dev/service');
});

test('clusters are virtual nodes, with their cluster ID and state', async () => {
  const labels = { 'liqo.io/remote-cluster-id': 'away-4711' };
  objects['/api/v1/nodes'] = {
    metadata: {},
    items: [
      { metadata: { name: 'away', labels }, status: { conditions: [{ type: 'Ready', status: 'True' }] } },
      { metadata: { name: 'astray', labels }, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } },
    ],
  };
  const expected = ['away\tcluster away-4711, ready', 'astray\tcluster away-4711, not ready', ':4'];
  expect(await ask('web-0', '--to', '')).toEqual(expected);
  expect(await ask('web-0', '--to=a')).toEqual(expected);
  expect(api.seen[0]?.query.get('labelSelector')).toBe('liqo.io/remote-cluster-id');
});

test('namespaces tell whether they are offloaded', async () => {
  objects['/api/v1/namespaces'] = {
    metadata: {},
    items: [{ metadata: { name: 'demo', labels: { 'liqo.io/scheduling-enabled': 'true' } } }, { metadata: { name: 'default' } }],
  };
  expect(await ask('-n', 'd')).toEqual(['demo\toffloaded', 'default', ':4']);
  expect(await ask('-nde')).toEqual(['-ndemo\toffloaded', '-ndefault', ':4']);
});

test('contexts, clusters and users come from the kubeconfig that is meant, without asking a cluster', async () => {
  expect(await ask('--context', '')).toEqual(['test\ttest, namespace demo', ':4']);
  expect(await ask('--cluster', '')).toEqual([`test\t${api.url}`, ':4']);
  expect(await ask('--user=')).toEqual(['test', ':4']);
  writeFileSync(join(folder, 'other'), 'contexts: [{name: milan, context: {cluster: m}}, {name: milan}, {name: "$(reboot)"}, {name: 7}]');
  expect(await ask('--kubeconfig', join(folder, 'other'), '--context', '')).toEqual(['milan\tm', ':4']);
  expect(api.seen).toEqual([]);
});

test('files are left to the shell, and nothing else is', async () => {
  expect(await ask('--kubeconfig', '')).toEqual([':0']);
  expect(await ask('--cache-dir', '')).toEqual([':16']);
  expect(await ask('--token', '')).toEqual([':4']);
});

test('a cluster that refuses leaves only what is known without it', async () => {
  api.answer((_request, response) => refuse(response, 403, 'Forbidden', 'you may not look'));
  expect(await ask('web')).toEqual([':4']);
  expect((await ask(''))[0]).toMatch(/^targets\t/);
  expect(await ask('--to', '')).toEqual([':4']);
  expect(await ask('-n', '')).toEqual([':4']);
});

describe('it is given up in time for the user', { timeout: 60_000 }, () => {
  test('when a cluster does not answer', async () => {
    api.answer(() => undefined);
    expect(await ask('web')).toEqual([':4']);
  });

  test('when a cluster says to come back later', async () => {
    api.answer((_request, response) => void response.writeHead(503, { 'retry-after': '3600' }).end());
    expect(await ask('web')).toEqual([':4']);
  });

  test('when something takes connections and says nothing', async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as AddressInfo;
    expect(await ask('--server', `https://127.0.0.1:${port}`, 'web')).toEqual([':4']);
    mute.close();
  });

  test('when a program for credentials waits for its user, and nothing of it is seen', async () => {
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', 'echo "password:" >&2; exec sleep 5'],
      interactiveMode: 'Never',
    };
    writeFileSync(join(folder, 'config'), api.kubeconfig({ exec }));
    expect(await askProgram(main, '__complete', 'web')).toEqual([':4']);
  });
});

test.each([
  ['no kubeconfig', ['--kubeconfig', '/no/such/file', 'web']],
  ['no such context', ['--context', 'nowhere', 'web']],
  ['a flag whose value makes no sense', ['--request-timeout', 'soon', 'web']],
  ['a server that is not there', ['--server', 'https://127.0.0.1:1', 'web']],
])('%s is no reason to say anything', async (_what, words) => {
  expect(await ask(...words)).toEqual([':4']);
});

test.each<[string, string]>([
  ['is no JSON', 'null and void'],
  ['is no list', '{"items": 7}'],
  ['has no names', '{"items": [{}, {"metadata": {}}]}'],
])('an answer that %s gives no candidates', async (_what, body) => {
  api.answer((_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(body));
  expect(await ask('web')).toEqual([':4']);
  expect(await ask('-n', '')).toEqual([':4']);
});

test('what a cluster calls things cannot break the answer', async () => {
  const spec = { nodeName: 'home\t1\n:0\n\u001B]0;owned\u0007', containers: [] };
  objects[pods] = {
    metadata: {},
    items: ['web-$(reboot)', 'web\n:1', 'web-\u001B[2J', 'web-0'].map((name) => ({ metadata: { name }, spec })),
  };
  expect(await ask('web')).toEqual([expect.stringMatching(/^web-0\thome 1 :0 \]0;owned , 0\/0 ready; [ -~]*$/), ':4']);
});

describe('the program', { timeout: 60_000 }, () => {
  test('answers under the name that kubectl looks for', async () => {
    const called = join(folder, 'kubectl_complete-migrate');
    symlinkSync(main, called);
    expect(await askProgram(called, 'web-0')).toEqual(['web-0\thome-1, 1/1 ready', ':4']);
    expect(await askProgram(called, '--version')).toEqual(['--version\tPrint the version of the plugin, and nothing else', ':4']);
  });

  test('answers a line that makes no sense, and with a cluster that is not there', async () => {
    expect(await askProgram(main, '__complete', 'targets', '--no-such', '--to=x', '--', '-n', '')).toEqual([':4']);
    expect(await askProgram(main, '__complete', '--server', 'https://127.0.0.1:1', 'web')).toEqual([':4']);
  });
});

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { programFile } from '../../release/program-file.ts';
import type { Pod } from '../../src/kube/types.ts';
import type { PlanReport } from '../../src/migration/contract.ts';
import { json, refuse, type ApiServer } from '../kube/api-server.ts';
import { changesSeenBy, homeObjects, startHomeCluster } from './home-cluster.ts';

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const main = await programFile();
let api: ApiServer;
let folder: string;
let create: (response: ServerResponse) => void;
let child: ReturnType<typeof spawn>;
let objects: Record<string, object>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
  objects = homeObjects();
  create = (response) => refuse(response, 403, 'Forbidden', 'you may only look');
  api = await startHomeCluster(objects, ({ method }, response) =>
    method === 'POST' ? create(response) : refuse(response, 404, 'NotFound', 'it is not there'),
  );
  writeFileSync(join(folder, 'config'), api.kubeconfig());
});

afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

/** Runs the plugin as kubectl would. */
async function migrate(...words: string[]): Promise<Result> {
  const env = { ...process.env, KUBECONFIG: join(folder, 'config'), TMPDIR: folder, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
  child = spawn(process.execPath, [main, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name]?.setEncoding('utf8').on('data', (text: string) => (said[name] += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...said };
}

function logFiles(): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.log'));
}

describe('a dry run', () => {
  test('prints what would be done, and only looks', async () => {
    const { code, stdout, stderr } = await migrate('web-0', '--to', 'away', '--dry-run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('pod/web-0 would be migrated to away (dry run)');
    expect(stdout).toContain('emptyDir data');
    expect(changesSeenBy(api)).toEqual([]);
    expect(logFiles()).toEqual([]);
  });

  test('says that nobody tells when the requests of a pod without a queue-proxy are done', async () => {
    const { code, stdout } = await migrate('web-0', '--to', 'away', '--dry-run', '--quiesce');
    expect(code).toBe(3);
    expect(stdout).toContain('[KM-NO-QUIESCE]');
    expect(changesSeenBy(api)).toEqual([]);
  });

  test('says how requests of an instance of a Revision are kept away, and asks for the rights for that only then', async () => {
    const pod = objects['/api/v1/namespaces/demo/pods/web-0'] as Pod;
    pod.metadata.labels = { 'serving.knative.dev/revision': 'fn-00001' };
    pod.spec.containers.push({ name: 'queue-proxy', image: 'queue-proxy' });
    objects['/api/v1/namespaces/demo/endpoints'] = { metadata: {}, items: [{ metadata: { name: 'fn-00001-private' } }] };
    const asked = (): string[] =>
      api.seen.flatMap(({ body }) => {
        const { spec } = JSON.parse(body || '{}') as { spec?: { resourceAttributes?: { verb: string; resource: string } } };
        const { verb, resource = '' } = spec?.resourceAttributes ?? {};
        return ['endpoints', 'services'].includes(resource) ? [`${verb} ${resource}`] : [];
      });
    const words =
      'its address is taken out of Endpoints fn-00001-private until its queue-proxy has no request in flight, for 5 s at the most';
    expect((await migrate('web-0', '--to', 'away', '--dry-run')).stdout).not.toContain('Endpoints');
    expect(asked()).toEqual([]);
    expect((await migrate('web-0', '--to', 'away', '--dry-run', '--quiesce=5s')).stdout).toContain(words);
    expect(asked().toSorted()).toEqual(['get endpoints', 'list endpoints', 'patch endpoints', 'patch services', 'watch endpoints']);
  });

  test('prints one object with -o json', async () => {
    const { code, stdout } = await migrate('pods/web-0', '--to', 'away', '--dry-run=client', '-ojson');
    expect(code).toBe(0);
    expect(JSON.parse(stdout) as PlanReport).toMatchObject({ pod: 'web-0', namespace: 'demo', from: 'home-1', to: 'away' });
    expect((JSON.parse(stdout) as PlanReport).findings.map(({ code }) => code)).toEqual([
      'KM-CONNECTIONS',
      'KM-ADDRESS',
      'KM-SERVICE-ADDRESS',
      'KM-PROCESS-SETTINGS',
      'KM-KUBELET-FILES',
      'KM-FILE-IDENTITY',
      'KM-CREDENTIALS',
      'KM-LOGS',
      'KM-OUTAGE',
    ]);
  });

  test('tells how long the pod may stand still, by its probes or by the user', async () => {
    const container = (objects['/api/v1/namespaces/demo/pods/web-0'] as Pod).spec.containers[0];
    if (container) container.livenessProbe = { httpGet: {}, failureThreshold: 1 };
    const byProbe = await migrate('web-0', '--to', 'away', '--dry-run');
    expect(byProbe.code).toBe(3);
    expect(byProbe.stdout).toContain('may for 750 ms: the liveness probe of container main gives it 1.0 s [KM-FREEZE-BUDGET]');
    const byUser = await migrate('web-0', '--to', 'away', '--dry-run', '--max-freeze', '1m30s', '-o', 'json');
    expect(byUser.code).toBe(0);
    const { budget, findings } = JSON.parse(byUser.stdout) as PlanReport;
    expect(budget).toEqual({ ms: 90_000, by: '--max-freeze' });
    expect(findings.map(({ code }) => code)).toContain('KM-OVER-PATIENCE');
  });

  test('ends with 3 when something is in the way', async () => {
    Object.assign((objects['/api/v1/namespaces/demo/pods/web-0'] as { spec: object }).spec, { hostNetwork: true });
    const { code, stdout, stderr } = await migrate('web-0', '--to', 'away', '--dry-run');
    expect(code).toBe(3);
    expect(stdout).toContain('pod/web-0 cannot be migrated to away (dry run)');
    expect(stderr).toBe('error: pod demo/web-0 cannot be migrated as it is\n');
  });

  describe('with a Service of the pod’s name', () => {
    const fabric = '/apis/ipam.liqo.io/v1alpha1/namespaces/liqo/ips/api-server';
    const service = '/api/v1/namespaces/demo/services/web-0';

    test('is in the way of nothing without Liqo’s network fabric', async () => {
      objects[service] = { metadata: { name: 'web-0', namespace: 'demo' } };
      expect((await migrate('web-0', '--to', 'away', '--dry-run')).code).toBe(0);
      expect(api.seen.map(({ path }) => path)).not.toContain(service);
    });

    test('ends with 3 and names it, as Liqo would delete it, and says what to do', async () => {
      objects[fabric] = { metadata: { name: 'api-server', namespace: 'liqo' }, status: { ip: '10.70.0.1' } };
      expect((await migrate('web-0', '--to', 'away', '--dry-run')).code).toBe(0);
      objects[service] = { metadata: { name: 'web-0', namespace: 'demo' } };
      const { code, stdout } = await migrate('web-0', '--to', 'away', '--dry-run');
      expect(stdout).toContain("service demo/web-0 has the pod's name: Liqo, with its network fabric, would delete it");
      expect(stdout).toContain('make a Service of another name with the same selector');
      expect(code).toBe(3);
    });

    test('that the user may not look for ends with 3 and names the right', async () => {
      objects[fabric] = { metadata: { name: 'api-server', namespace: 'liqo' }, status: { ip: '10.70.0.1' } };
      api.answer((request, response) => {
        if (request.path === service) refuse(response, 403, 'Forbidden', 'services "web-0" is forbidden');
        else if (request.method === 'POST') json(response, { status: { allowed: true } });
        else if (objects[request.path]) json(response, objects[request.path] ?? {});
        else refuse(response, 404, 'NotFound', 'not found');
      });
      const { code, stdout } = await migrate('web-0', '--to', 'away', '--dry-run');
      expect(stdout).toContain('you may not get services web-0 in namespace demo');
      expect(code).toBe(3);
    });
  });

  test('tells in the words of the server that there is no such pod', async () => {
    const { code, stdout, stderr } = await migrate('web-1', '--to', 'away', '--dry-run');
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: 'Error from server (NotFound): pods "web-1" not found\n' });
  });
});

describe('what was probably meant is told', () => {
  test.each([
    ['of a pod', ['web0', '--to', 'away', '--dry-run'], 'Error from server (NotFound): pods "web0" not found\nDid you mean web-0?\n', 1],
    [
      'of a cluster',
      ['web-0', '--to', 'awy', '--dry-run'],
      'error: no peered cluster "awy" in cluster test\nDid you mean away? There are: away\n',
      2,
    ],
    ['unless nothing is near', ['other', '--to', 'away', '--dry-run'], 'Error from server (NotFound): pods "other" not found\n', 1],
  ])('%s', async (_what, words, stderr, code) => {
    objects['/api/v1/namespaces/demo/pods'] = { metadata: {}, items: [objects['/api/v1/namespaces/demo/pods/web-0']] };
    expect(await migrate(...words)).toEqual({ code, stdout: '', stderr });
  });

  test('and a list that may not be read hides no error', async () => {
    expect((await migrate('web0', '--to', 'away', '--dry-run')).stderr).toBe('Error from server (NotFound): pods "web0" not found\n');
  });
});

describe('a migration', () => {
  test('that is refused touches nothing and leaves no log', async () => {
    Object.assign((objects['/api/v1/namespaces/demo/pods/web-0'] as { spec: object }).spec, { hostNetwork: true });
    const { code, stdout, stderr } = await migrate('web-0', '--to', 'away');
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toContain('it uses the network of its node (hostNetwork) [KM-HOST-NAMESPACE]');
    expect(changesSeenBy(api)).toEqual([]);
    expect(logFiles()).toEqual([]);
  });

  test('of a pod that is not there tells so, and nothing else', async () => {
    const { code, stderr } = await migrate('web-9', '--to', 'away');
    expect(code).toBe(1);
    expect(stderr).toContain('Error from server (NotFound)');
    expect(stderr).not.toContain('rolling back');
    expect(logFiles()).toEqual([]);
  });

  test('that fails tells the cause in one line, and names the log that it keeps', async () => {
    const { code, stdout, stderr } = await migrate('web-0', '--to', 'away', '-o', 'json');
    const [log = ''] = logFiles();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n').slice(-3)).toEqual([
      expect.stringMatching(/^Error from server \(Forbidden\): you may only look/),
      `log: ${join(folder, log)}`,
      '',
    ]);
    expect(log).toMatch(/^kubectl-migrate-demo-web-0-.*\.log$/);
    const lines = readFileSync(join(folder, log), 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toContain('step-failed');
  });

  test('is rolled back at Ctrl-C and ends with 130', async () => {
    // Nothing that is to be made is ever answered, so nothing but the signal can end it.
    create = () => {
      create = () => undefined;
      child.kill('SIGINT');
    };
    const { code, stdout, stderr } = await migrate('web-0', '--to', 'away');
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toContain('stopping, and taking back what was done; once more to leave at once\n');
    expect(stderr).toContain('error: stopped\n');
    expect(logFiles()).toHaveLength(1);
  });
});

describe('the command line', () => {
  test('that makes no sense ends with 2', async () => {
    expect(await migrate('web-0', '--too', 'away')).toEqual({
      code: 2,
      stdout: '',
      stderr: "error: unknown flag: --too\nDid you mean --to? See 'kubectl migrate --help' for usage.\n",
    });
  });

  test.each([['--help'], ['-h'], []])('%s prints the help on standard output', async (...words) => {
    const { code, stdout, stderr } = await migrate(...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('kubectl migrate (POD | TYPE/NAME ... | -l SELECTOR) --to CLUSTER [options]');
  });

  test('--version prints the version', async () => {
    const { code, stdout, stderr } = await migrate('--version');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^kubectl-migrate v\d+\.\d+\.\d+\n$/);
  });

  test('whose reader has seen enough is silent about it', async () => {
    const env = { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
    const shell = spawn('sh', ['-c', '{ sleep 0.2; "$0" "$1" --help; echo "ended with $?" >&2; } | true', process.execPath, main], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await new Promise((resolve) => shell.once('close', resolve));
    expect(stderr).toBe('ended with 0\n');
  });
});

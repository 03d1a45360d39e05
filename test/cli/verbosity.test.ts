import { afterEach, beforeEach, expect, test } from 'vitest';
import { exchangeTeller, hasLog, logLine } from '../../src/cli/verbosity.ts';
import { connectionFromKubeconfig } from '../../src/kube/connection.ts';
import { json, refuse, startApiServer, type ApiServer } from '../kube/api-server.ts';
import { Terminal } from './terminal.ts';

let api: ApiServer;

beforeEach(async () => {
  api = await startApiServer();
});

afterEach(async () => api.close());

/** What is told, at that level, of what `work` asks the server. */
async function told(verbosity: number): Promise<string[]> {
  const lines: string[] = [];
  const onExchange = exchangeTeller(verbosity, (line) => lines.push(line), new Terminal(false).stream);
  const kube = await connectionFromKubeconfig(api.kubeconfig({ token: 'very-secret' }), 'test', { onExchange });
  await kube.create('/api/v1/namespaces/demo/pods', { metadata: { name: 'x' }, password: 'very-secret' }, undefined, { dryRun: 'All' });
  await kube.get('/api/v1/namespaces/demo/secrets/y').catch(() => undefined);
  await kube.get('/api/v1/namespaces/demo/secrets/y').catch(() => undefined);
  kube.close();
  return lines;
}

test('from level 6 on each request is a line, without its headers and bodies', async () => {
  api.answer(({ method }, response) =>
    method === 'GET' ? refuse(response, 404, 'NotFound', 'no y: very-secret') : json(response, {}, 201),
  );
  const lines = await told(6);
  const head = /^I\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ kubectl-migrate\] "Response" /.source;
  expect(lines).toEqual([
    expect.stringMatching(
      `${head}verb="POST" url="${api.url}/api/v1/namespaces/demo/pods\\?fieldManager=kubectl-migrate&dryRun=All" status="201 Created" milliseconds=\\d+$`,
    ),
    ...Array.from(
      { length: 2 },
      () =>
        expect.stringMatching(
          `${head}verb="GET" url="${api.url}/api/v1/namespaces/demo/secrets/y" status="404 Not Found" milliseconds=\\d+$`,
        ) as string,
    ),
  ]);
  expect(lines.join()).not.toContain('secret"');
  expect(lines.join()).not.toContain('very-secret');
});

test('a server that does not answer is told too', async () => {
  const lines: string[] = [];
  const onExchange = exchangeTeller(6, (line) => lines.push(line), new Terminal(false).stream);
  const kube = await connectionFromKubeconfig(api.kubeconfig(undefined, { server: 'https://127.0.0.1:1' }), 'test', { onExchange });
  await expect(kube.get('/version')).rejects.toThrow();
  expect(lines).toEqual([
    expect.stringContaining('verb="GET" url="https://127.0.0.1:1/version" status="connect ECONNREFUSED 127.0.0.1:1"'),
  ]);
});

test('warnings of the server are told at every level, each once', async () => {
  api.answer((_request, response) => {
    response.setHeader('warning', ['299 - "would violate PodSecurity \\"restricted\\""', '299 - "old"', '199 - "not of Kubernetes"']);
    json(response, {});
  });
  expect(await told(0)).toEqual(['Warning: would violate PodSecurity "restricted"', 'Warning: old']);
});

test('a log line cannot be broken by what it tells', () => {
  expect(logLine('a\u001B[2Jb', new Date(2026, 10, 5, 4, 3, 2, 7))).toMatch(/^I1105 04:03:02\.007000 +\d+ kubectl-migrate\] a\uFFFD\[2Jb$/);
});

test('from level 2 on there is the log of the migration', () => {
  expect([0, 1, 2, 6].map(hasLog)).toEqual([false, false, true, true]);
});

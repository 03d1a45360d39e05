import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Crowd } from '../../bed/client/crowd.ts';
import { hammer } from '../../bed/client/hammer.ts';

const servers: { close: () => unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push({ close: () => (server.close(), server.closeAllConnections()) });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** An instance as those of test/workloads, until `on` has something else to say to a request. */
async function instance(on: (number: number, ...rest: Parameters<RequestListener>) => unknown = () => false): Promise<string> {
  let count = 0;
  const { url } = await serve((request, response) => {
    count++;
    if (on(count, request, response) === false) response.end(JSON.stringify({ id: 'one', count }));
  });
  return url;
}

const crowdOf = (url: string, extra: Partial<Crowd> = {}): Crowd => ({
  name: 'all',
  url,
  clients: 1,
  pauseMs: 0,
  connections: 'kept',
  limitMs: 5_000,
  ...extra,
});

/** Until so many requests of a crowd have been answered well or badly. */
async function hammerFor(good: number, ...crowds: readonly Crowd[]): ReturnType<typeof hammer> {
  const stop = new AbortController();
  return await hammer({ crowds }, stop.signal, (count) => count >= good && stop.abort());
}

test('an instance that answers well is one, with all its counts, and nothing has failed', async () => {
  const report = await hammerFor(200, crowdOf(await instance(), { clients: 4 }));
  const { sent } = report.crowds['all'] ?? {};
  expect(report.crowds['all']).toMatchObject({ good: sent, failed: {}, hung: 0, connections: 4 });
  expect(report.instances).toEqual({ one: { answers: sent, first: 1, last: sent, missing: 0 } });
  expect([report.failures, report.faults, report.lost]).toEqual([[], [], 0]);
});

test('fresh connections are one for each request, and kept ones one for each client', async () => {
  const url = await instance();
  const report = await hammerFor(60, crowdOf(url, { name: 'fresh', connections: 'fresh' }), crowdOf(url, { name: 'kept' }));
  expect(report.crowds['fresh']?.connections).toBe(report.crowds['fresh']?.sent);
  expect(report.crowds['kept']?.connections).toBe(1);
});

test('the Host header and others are what one wants them to be', async () => {
  const heard = new Set<string>();
  const url = await instance((_, { headers }) => {
    heard.add(`${headers.host} ${String(headers['knative-serving-revision'])}`);
    return false;
  });
  await hammerFor(2, crowdOf(url, { host: 'fn.example.test', headers: { 'Knative-Serving-Revision': 'fn-00001' } }));
  expect([...heard]).toEqual(['fn.example.test fn-00001']);
});

test('a count that goes back is a fault, and so is one that is told twice', async () => {
  let request = 0;
  const counts = [1, 2, 3, 2, 3, 4];
  const { url } = await serve((_, response) => response.end(JSON.stringify({ id: 'one', count: counts[request++] ?? request })));
  const report = await hammerFor(6, crowdOf(url));
  expect(report.faults).toEqual(
    expect.arrayContaining(['one went back: 2 after 3', 'one said 2 twice', 'one went back: 3 after 3', 'one said 3 twice']),
  );
});

test('of answers that overtake each other none is a fault', async () => {
  const report = await hammerFor(
    300,
    crowdOf(
      await instance((count, _, response) => {
        setTimeout(() => response.end(JSON.stringify({ id: 'one', count })), (count * 7) % 23);
      }),
      { clients: 8 },
    ),
  );
  expect(report.faults).toEqual([]);
});

test('a count that nobody was told is lost, but where a request has failed', async () => {
  let count = 0;
  const leaving = await serve((_, response) => response.end(JSON.stringify({ id: 'one', count: (count += count === 3 ? 5 : 1) })));
  const left = await hammerFor(5, crowdOf(leaving.url));
  expect([left.instances['one']?.missing, left.lost]).toEqual([4, 4]);

  const failing = await hammerFor(
    5,
    crowdOf(await instance((number, _, response) => (number === 3 ? response.socket?.resetAndDestroy() : false))),
  );
  expect([failing.instances['one']?.missing, failing.lost]).toEqual([1, 0]);
});

test('failures are told by their kind, with the time of each', async () => {
  const url = await instance((number, { socket }, response) => {
    if (number === 2) return socket.resetAndDestroy();
    if (number === 3) return response.writeHead(503).end('not now\n');
    if (number === 4) return response.end('good morning');
    if (number === 5) return response.writeHead(200, { 'Content-Length': 100 }).write('half', () => socket.resetAndDestroy());
    return false;
  });
  const { crowds, failures } = await hammerFor(3, crowdOf(url));
  expect(crowds['all']).toMatchObject({
    failed: {
      'ECONNRESET, kept connection': 1,
      'HTTP 503 not now': 1,
      'no answer of a function: good morning': 1,
      'ECONNRESET, half an answer': 1,
    },
    hung: 0,
  });
  expect(failures.map(({ crowd, ms, tookMs }) => [crowd, ms > Date.now() - 60_000, tookMs >= 0])).toEqual(
    Array.from({ length: 4 }, () => ['all', true, true]),
  );
});

test('nobody at the port is a failure, and no hang', async () => {
  const { server, url } = await serve(() => undefined);
  server.close();
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  const { crowds } = await hammer({ crowds: [crowdOf(url, { pauseMs: 10 })] }, stop.signal);
  expect(crowds['all']).toMatchObject({ good: 0, hung: 0, failed: { ECONNREFUSED: crowds['all']?.sent } });
});

test('a request that nobody answers hangs, and is given up at its limit', async () => {
  const url = await instance((number) => number === 2);
  const { crowds, failures } = await hammerFor(3, crowdOf(url, { limitMs: 300 }));
  expect(crowds['all']).toMatchObject({ hung: 1, failed: { 'hangs: no answer within 300 ms': 1 } });
  expect(failures[0]?.tookMs).toBeGreaterThanOrEqual(299);
  expect(crowds['all']?.longestSilenceMs).toBeGreaterThanOrEqual(299);
});

test('a connection that is never made hangs as well', async () => {
  // A program that stands still accepts nobody: when its queue is full, the kernel answers no further SYN.
  const script =
    'const s = require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(s.address().port))';
  const still = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  servers.push({ close: () => still.kill('SIGKILL') });
  const [port] = (await once(still.stdout, 'data')) as [Buffer];
  still.kill('SIGSTOP');
  const stop = new AbortController();
  const crowd = crowdOf(`http://127.0.0.1:${Number(port)}/`, { clients: 8, connections: 'fresh', limitMs: 400 });
  const hammering = hammer({ crowds: [crowd] }, stop.signal);
  stop.abort();
  const { crowds } = await hammering;
  expect(crowds['all']).toMatchObject({ sent: 8, good: 0, hung: 8 });
  expect(crowds['all']?.failed['hangs: no connection within 400 ms']).toBeGreaterThan(0);
});

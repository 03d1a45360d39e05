import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { fetchReport } from '../../src/quiesce/fetch-report.ts';
import { untilSilent, type Asking } from '../../src/quiesce/until-silent.ts';
import { reportOf, type Told } from './reports.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
const never = new AbortController().signal;

async function serve(listener: RequestListener): Promise<Asking> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => (server.close(), server.closeAllConnections()));
  const { port } = server.address() as AddressInfo;
  return { ask: async (signal) => fetchReport('127.0.0.1', signal, port), pauseMs: 5, limitMs: 1_000 };
}

/** Tells one after the other, and the last one for ever. */
async function telling(...reports: readonly (Told | RequestListener)[]): Promise<Asking> {
  let next = 0;
  return await serve((request, response) => {
    const told = reports[Math.min(next++, reports.length - 1)] ?? {};
    if (typeof told === 'function') told(request, response);
    else response.end(reportOf(told));
  });
}

test('it is silent with the first report that says so, and nothing more is asked', async () => {
  let asked = 0;
  const proxy = await serve((_, response) => {
    asked++;
    response.end(reportOf({ pod: 'web', uptime: asked, inFlight: asked < 4 ? 1 : 0 }));
  });
  expect(await untilSilent(proxy, never, never)).toMatchObject({ isSilent: true, last: { pod: 'web', uptime: 4 }, trouble: undefined });
  expect(asked).toBe(4);
});

test('when the time is up, it says what was in flight at last', async () => {
  const timeUp = new AbortController();
  const ending: RequestListener = () => timeUp.abort();
  const proxy = await telling({ uptime: 1, inFlight: 1 }, { uptime: 2, inFlight: 1 }, { uptime: 3, inFlight: 2.5, begun: 4 }, ending);
  expect(await untilSilent(proxy, timeUp.signal, never)).toMatchObject({
    isSilent: false,
    last: { inFlight: 2.5, begun: 4 },
    trouble: undefined,
  });
});

test('an answer that is no report, or none, is asked for again, and told when that was all', async () => {
  const odd: RequestListener[] = [
    (_, response) => response.writeHead(500).end(),
    (request) => request.socket.resetAndDestroy(),
    (_, response) => response.end('not this'),
    (_, response) => response.end(Buffer.alloc(100_000)),
    // Nothing comes.
    () => undefined,
    // Breaks off where a field ends.
    (_, response) =>
      response.writeHead(200, { 'Content-Length': 100 }).write(reportOf({ uptime: 9 }), () => response.socket?.resetAndDestroy()),
  ];
  const recovering = await telling({ uptime: 1 }, ...odd, { uptime: 2 }, ...odd, { uptime: 3 });
  expect(await untilSilent(recovering, never, never)).toMatchObject({ isSilent: true, last: { uptime: 3 } });
  const [first = () => undefined] = odd;
  const timeUp = new AbortController();
  const failing = await telling(first, () => timeUp.abort());
  expect(await untilSilent(failing, timeUp.signal, never)).toMatchObject({
    isSilent: false,
    last: undefined,
    trouble: 'queue-proxy answered with status 500',
  });
});

test('an answer without end is left as soon as it is longer than any report', async () => {
  const endless = await serve((_, response) => {
    const writing = setInterval(() => response.write(Buffer.alloc(1_000)), 1);
    response.once('close', () => clearInterval(writing));
  });
  await expect(endless.ask(never)).rejects.toThrow('more than 4096 bytes');
});

test('one that never answers is left when the time is up', async () => {
  const silent = await untilSilent(await serve(() => undefined), AbortSignal.timeout(100), never);
  expect(silent).toMatchObject({ isSilent: false, last: undefined });
});

test('whoever stops all of it gets his own reason back', async () => {
  const stop = new AbortController();
  const waiting = untilSilent(await telling({ uptime: 1, inFlight: 1 }), never, stop.signal);
  stop.abort(new Error('the user wants no more'));
  await expect(waiting).rejects.toThrow('the user wants no more');
});

import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/types.ts';
import { waitFor, type Wait } from '../../src/kube/wait.ts';
import { json, refuse, startApiServer, type ApiServer } from './api-server.ts';

let api: ApiServer;
let kube: KubeConnection;
const never = new AbortController().signal;

beforeEach(async () => {
  api = await startApiServer();
  kube = await connectionFromKubeconfig(api.kubeconfig(), 'test');
});

afterEach(async () => {
  kube.close();
  await api.close();
});

function pod(phase: string): Pod {
  return { metadata: { name: 'a' }, spec: { containers: [] }, status: { phase } };
}

function event(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** Answers lists with what `listed` gives one after the other (its last for ever), and watches with `watched`. */
function serve(listed: readonly (Pod | undefined)[], watched: (response: ServerResponse, count: number) => void): void {
  let lists = 0;
  let watches = 0;
  api.answer((request, response) => {
    if (request.query.get('watch')) return watched(response, watches++);
    const one = listed[Math.min(lists++, listed.length - 1)];
    return json(response, { metadata: { resourceVersion: String(100 + lists) }, items: one ? [one] : [] });
  });
}

function wait(over: Partial<Wait<Pod>> = {}): Wait<Pod> {
  return {
    collection: '/api/v1/namespaces/demo/pods',
    name: 'a',
    what: 'pod demo/a to run',
    deadlineMs: 20_000,
    isDone: (seen) => seen?.status?.phase === 'Running',
    describe: (seen) => `it is ${seen?.status?.phase ?? 'not there'}`,
    ...over,
  };
}

test('what is so already is not watched', async () => {
  serve([pod('Running')], () => undefined);
  expect(await waitFor(kube, wait(), never)).toEqual(pod('Running'));
  expect(api.seen.map(({ query }) => query.toString())).toEqual(['fieldSelector=metadata.name%3Da']);
});

test('what becomes so is seen at once, from where the list ended', async () => {
  serve([undefined], (response) => {
    response.write(event('ADDED', pod('Pending')));
    response.write(event('BOOKMARK', { metadata: {} }));
    // In two pieces, as networks deliver.
    const text = event('MODIFIED', pod('Running'));
    response.write(text.slice(0, 20));
    setTimeout(() => response.write(text.slice(20)), 20);
  });
  expect(await waitFor(kube, wait(), never)).toEqual(pod('Running'));
  expect(api.seen[1]?.query.get('resourceVersion')).toBe('101');
});

test('an absence can be waited for', async () => {
  serve([pod('Running')], (response) => void response.write(event('DELETED', pod('Running'))));
  expect(await waitFor(kube, wait({ isDone: (seen) => seen === undefined }), never)).toBeUndefined();
});

test.each<[string, (response: ServerResponse) => void]>([
  [
    'is told to be too late (410)',
    (response) => void response.write(event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' })),
  ],
  ['is refused as too late (410)', (response) => refuse(response, 410, 'Expired', 'too old resource version')],
  ['ends', (response) => void response.end()],
  ['breaks', (response) => void response.write('{"type"', () => response.destroy())],
  ['cannot be had (503)', (response) => refuse(response, 503, 'ServiceUnavailable', 'starting')],
  ['sends what is no JSON', (response) => void response.write('<html>\n')],
])('a watch that %s is followed by another list', async (_what, watched) => {
  serve([pod('Pending'), pod('Pending'), pod('Running')], watched);
  expect(await waitFor(kube, wait(), never)).toEqual(pod('Running'));
  expect(api.seen.map(({ query }) => query.has('watch'))).toEqual([false, true, false, true, false]);
});

test('a server that goes away for a while is waited for', async () => {
  let asked = 0;
  api.answer((_request, response) => (asked++ < 3 ? void response.destroy() : json(response, { metadata: {}, items: [pod('Running')] })));
  expect(await waitFor(kube, wait(), never)).toEqual(pod('Running'));
});

test('a server that refuses is not asked again', async () => {
  api.answer((_request, response) => refuse(response, 403, 'Forbidden', 'pods is forbidden'));
  await expect(waitFor(kube, wait(), never)).rejects.toMatchObject({ code: 403 });
  expect(api.seen).toHaveLength(1);
});

test('the deadline tells what was waited for and how it stands', async () => {
  serve([pod('Pending')], () => undefined);
  await expect(waitFor(kube, wait({ deadlineMs: 2_000 }), never)).rejects.toMatchObject({
    kind: 'failed',
    message: 'waited 2 s for pod demo/a to run in cluster test; it is Pending',
  });
});

test('the deadline tells what was wrong with the server', async () => {
  api.answer((_request, response) => refuse(response, 500, 'InternalError', 'etcd is gone'));
  await expect(waitFor(kube, wait({ deadlineMs: 3_000 }), never)).rejects.toThrow(
    'waited 3 s for pod demo/a to run in cluster test; Error from server (InternalError): etcd is gone',
  );
});

test('what is seen may end the wait with an error', async () => {
  serve([undefined], (response) => void response.write(event('ADDED', pod('Failed'))));
  const isDone = (seen: Pod | undefined): boolean => {
    if (seen?.status?.phase === 'Failed') throw new Error('it will never run');
    return false;
  };
  await expect(waitFor(kube, wait({ isDone }), never)).rejects.toThrow('it will never run');
});

test('a signal ends the wait with its own reason', async () => {
  const controller = new AbortController();
  const reason = new Error('stopped by the user');
  serve([pod('Pending')], () => controller.abort(reason));
  await expect(waitFor(kube, wait(), controller.signal)).rejects.toBe(reason);
});

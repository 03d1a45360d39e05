import { afterAll, expect, test } from 'vitest';
import { goFunctionImage } from '../../bed/knative/images.ts';
import { nodeNamed } from '../../bed/layout.ts';
import { untilSilent } from '../../src/quiesce/until-silent.ts';
import { onNode } from '../e2e/faults.ts';
import { applyFunction, crowdAt, deleteFunction, doorOf, untilInstances } from './functions.ts';
import { hammerOn } from './hammer-on.ts';

afterAll(async () => deleteFunction('drains'));

test('a genuine queue-proxy is silent when its last request has ended, and not before', async () => {
  const revision = await applyFunction({ name: 'drains', image: goFunctionImage, minScale: 1, maxScale: 1 });
  const [pod] = await untilInstances(revision, 1);
  const address = pod?.status?.podIP ?? '';
  const node = nodeNamed('home-1');
  const ask = async (): Promise<Uint8Array> =>
    Buffer.from(await onNode(node, `busybox wget -q -O - http://${address}:9090/metrics | base64 -w 0`), 'base64');
  const door = { ...(await doorOf(revision)), url: `http://${address}:8012/` };
  for (const ms of [0, 1_500, 4_000]) {
    const hammering = await hammerOn({ crowds: [crowdAt(door, { path: `slow?ms=${ms}`, clients: 3 })] }, node);
    await hammering.untilAnswered(1);
    const ended = hammering.stop();
    const asking = { ask, pauseMs: 100, limitMs: 10_000 };
    const { isSilent, last, trouble } = await untilSilent(asking, AbortSignal.timeout(60_000), new AbortController().signal);
    const silentMs = Date.now();
    const { failures, endedMs } = await ended;
    expect({ isSilent, trouble, failures }).toEqual({ isSilent: true, trouble: undefined, failures: [] });
    expect(last?.pod).toBe(pod?.metadata.name);
    expect(silentMs).toBeGreaterThan(endedMs);
  }
});

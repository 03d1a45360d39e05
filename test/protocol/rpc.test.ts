import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { RemoteError, RpcClient, serveCalls } from '../../src/protocol/rpc.ts';

/** A client and a server of calls, joined by two pipes. */
function joined(handle: Parameters<typeof serveCalls>[1]): {
  client: RpcClient;
  events: unknown[];
  hangUp: () => void;
  served: Promise<void>;
} {
  const there = new PassThrough();
  const back = new PassThrough();
  const events: unknown[] = [];
  const served = serveCalls({ input: there, output: back }, handle);
  const client = new RpcClient({ input: back, output: there }, 'the agent', (event) => events.push(event));
  return { client, events, served, hangUp: () => back.end() };
}

test('calls run side by side and each gets its own answer', async () => {
  const { client } = joined(async (method, params) => {
    if (method === 'slow') await new Promise((resolve) => setTimeout(resolve, 30));
    return { method, params };
  });
  const [slow, fast] = await Promise.all([client.call(1, 'slow', 1, 5_000), client.call(2, 'fast', { a: 2 }, 5_000)]);
  expect(slow).toEqual({ method: 'slow', params: 1 });
  expect(fast).toEqual({ method: 'fast', params: { a: 2 } });
});

test('an error comes with the words of the other side', async () => {
  const { client } = joined(async () => {
    throw new Error('CRIU says no');
  });
  await expect(client.call(3, 'x', null, 5_000)).rejects.toThrow(RemoteError);
  await expect(client.call(4, 'x', null, 5_000)).rejects.toThrow('CRIU says no');
});

test('events come while a call is under way', async () => {
  const { client, events } = joined(async (_method, _params, emit) => {
    emit({ type: 'stage', stage: 'frozen' });
    return null;
  });
  await client.call(5, 'x', null, 5_000);
  expect(events).toEqual([{ type: 'stage', stage: 'frozen' }]);
});

test('a call whose other side goes away fails and says so, as do all later ones', async () => {
  const { client, hangUp } = joined(async () => new Promise(() => undefined));
  const call = client.call(6, 'x', null, 60_000);
  hangUp();
  await expect(call).rejects.toThrow('the agent ended the conversation');
  await expect(client.call(7, 'y', null, 60_000)).rejects.toThrow('the agent ended the conversation');
});

test('a call without an answer ends at its deadline and names itself', async () => {
  const { client } = joined(async () => new Promise(() => undefined));
  await expect(client.call(8, 'source.inspect', null, 20)).rejects.toThrow('no answer to "source.inspect" within 0.02 s');
});

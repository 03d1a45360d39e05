import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { unacknowledged } from '../../src/agent/peer/unacknowledged.ts';

test('what the other end has not taken is told, and nothing once it has', async () => {
  const taken = Promise.withResolvers<Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => taken.resolve(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    const other = await taken.promise;
    const pending = (): number => unacknowledged(client.localPort ?? 0, client.remotePort ?? 0);
    expect(pending()).toBe(0);
    client.write(Buffer.alloc(64 << 20));
    await vi.waitFor(() => expect(pending()).toBeGreaterThan(1000));
    other.resume();
    await vi.waitFor(() => expect(pending()).toBe(0), { timeout: 20_000 });
    expect(unacknowledged(1, 1)).toBe(0);
  } finally {
    client.destroy();
    server.close();
  }
});

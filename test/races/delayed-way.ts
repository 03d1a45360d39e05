import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A user who is far away: every piece of the TCP stream to the API server, and back, comes that much later, in order. */
export async function delayedWay(
  to: { readonly host: string; readonly port: number },
  oneWayMs: number,
): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ ...to, noDelay: true });
    for (const [from, onto] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (piece) => setTimeout(() => onto.write(piece), oneWayMs));
      from.on('end', () => setTimeout(() => onto.end(), oneWayMs));
      from.on('error', () => onto.destroy());
      from.once('close', () => sockets.delete(from));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { connectToPeer, listenForPeer } from '../../src/agent/peer/link.ts';
import { certificates } from '../kube/certificates.ts';

const key = Buffer.alloc(32, 7).toString('base64');
const ciphers = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const;

/** A source agent in a process of its own, which trusts the test authority as it would a public one, and sends a secret. */
async function sendTo(port: number): Promise<string> {
  const link = join(import.meta.dirname, '../../src/agent/peer/link.ts');
  const source = `
    import { connectToPeer } from ${JSON.stringify(link)};
    await connectToPeer('127.0.0.1', ${port}, ${JSON.stringify(key)}, 5_000).then(
      (socket) => socket.end('memory of the pod'),
      (error) => process.stdout.write(error.message));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: join(certificates().folder, 'ca.crt') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child, 'close');
  return said;
}

test('nothing is sent to somebody who has a certificate that everybody trusts, and not the key', async () => {
  const { cert, key: privateKey } = certificates().server;
  let received = '';
  const server = createServer({ ...ciphers, cert, key: privateKey }, (socket) => {
    socket.setEncoding('utf8').on('data', (text: string) => (received += text));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const said = await sendTo((server.address() as AddressInfo).port);
    expect({ received, said }).toEqual({ received: '', said: expect.stringContaining('cannot reach the agent at 127.0.0.1') });
  } finally {
    server.close();
  }
});

test('the key alone is enough, from end to end', async () => {
  let received = '';
  const { port } = await listenForPeer(key, (socket) => socket.setEncoding('utf8').on('data', (text: string) => (received += text)));
  expect(await sendTo(port)).toBe('');
  await expect.poll(() => received).toBe('memory of the pod');
});

test.each(['another key', 'no key'])('nobody with %s is taken for the peer', async (what) => {
  let isTaken = false;
  const { port, close } = await listenForPeer(key, () => (isTaken = true));
  try {
    if (what === 'another key') {
      await expect(connectToPeer('127.0.0.1', port, Buffer.alloc(32, 8).toString('base64'), 5_000)).rejects.toThrow('cannot reach');
    } else {
      const socket = connect({ host: '127.0.0.1', port, ...ciphers, rejectUnauthorized: false });
      await expect(once(socket, 'secureConnect')).rejects.toThrow();
    }
    expect(isTaken).toBe(false);
  } finally {
    close();
  }
});

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { base64, certificates as madeCertificates, type Certificates } from './certificates.ts';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Common name of the client's certificate. */
  readonly client: string | undefined;
}

export type Answer = (request: Seen, response: ServerResponse) => void | Promise<void>;

/** A genuine HTTPS server in the place of an API server. */
export interface ApiServer {
  readonly url: string;
  readonly port: number;
  readonly certificates: Certificates;
  readonly seen: Seen[];
  readonly server: Server;
  /** Connections that were made to it so far. */
  connections: () => number;
  /** What answers from now on. */
  answer: (answer: Answer) => void;
  /** What takes over connections that are to become WebSockets. */
  upgrade: (take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void) => void;
  /** A kubeconfig with the client's certificate, or with what `user` says. */
  kubeconfig: (user?: Record<string, unknown>, cluster?: Record<string, unknown>) => string;
  /** Ends all connections, in the middle of whatever they are doing. */
  cut: () => void;
  close: () => Promise<void>;
}

export async function startApiServer(): Promise<ApiServer> {
  const certificates = madeCertificates();
  const seen: Seen[] = [];
  let made = 0;
  let current: Answer = (_request, response) => json(response, {});
  let take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void = (_request, socket) => socket.destroy();
  const listener: RequestListener = (request, response) => {
    void read(request).then(async (body) => {
      const url = new URL(request.url ?? '/', 'https://api.example');
      const client = request.socket instanceof TLSSocket ? request.socket.getPeerCertificate().subject?.CN : undefined;
      const one = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body,
        client: [client].flat()[0],
      };
      seen.push(one);
      await current(one, response);
    });
  };
  const options = { ...certificates.server, ca: certificates.ca, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, listener);
  const sockets = new Set<Duplex>();
  server.on('secureConnection', (socket) => {
    made++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  server.on('upgrade', (request, socket, head) => take(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;
  return {
    url,
    port,
    certificates,
    seen,
    server,
    connections: () => made,
    answer: (next) => (current = next),
    upgrade: (next) => (take = next),
    kubeconfig: (user, cluster) =>
      JSON.stringify({
        'current-context': 'test',
        'contexts': [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'demo' } }],
        'clusters': [{ name: 'test', cluster: { 'server': url, 'certificate-authority-data': base64(certificates.ca), ...cluster } }],
        'users': [
          {
            name: 'test',
            user: user ?? {
              'client-certificate-data': base64(certificates.client.cert),
              'client-key-data': base64(certificates.client.key),
            },
          },
        ],
      }),
    cut,
    close: async () => {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export function json(response: ServerResponse, value: unknown, code = 200): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** The API's way to say no. */
export function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  json(response, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message }, code);
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

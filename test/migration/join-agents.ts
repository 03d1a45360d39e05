import { connect, type Socket } from 'node:net';
import { WebSocketServer, type RawData } from 'ws';
import type { ApiServer } from '../kube/api-server.ts';

/** Joins whoever asks for exec to the agent of that helper, as API server, kubelet and `agent attach` do. */
export function joinAgents(
  api: ApiServer,
  socketOf: (pod: string) => string | undefined,
  onJoined: (pod: string, stream: Socket) => void,
): void {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v5.channel.k8s.io' });
  api.upgrade((request, socket, head) => {
    const pod = /\/pods\/([^/?]+)/.exec(request.url ?? '')?.[1] ?? '';
    const path = socketOf(pod);
    if (path === undefined) return void socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (exec) => {
      const stream = connect(path);
      onJoined(pod, stream);
      stream.on('error', () => undefined);
      stream.on('data', (data: Buffer) => exec.send(Buffer.concat([Buffer.from([1]), data])));
      stream.on('close', () => exec.terminate());
      exec.on('message', (data: RawData) => stream.write((data as Buffer).subarray(1)));
      exec.on('close', () => stream.destroy());
    });
  });
}

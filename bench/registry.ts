import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/**
 * A registry that knows one manifest (standard input) and serves it at port 5000 of the loopback: containerd pulls the
 * base image of a checkpoint even when the node has it, and then finds all that the manifest names already there.
 */
const manifest = await text(process.stdin);
const headers = {
  'Content-Type': 'application/vnd.oci.image.manifest.v1+json',
  'Content-Length': Buffer.byteLength(manifest),
  'Docker-Content-Digest': `sha256:${createHash('sha256').update(manifest).digest('hex')}`,
};
createServer((request, response) => {
  if (!request.url?.includes('/manifests/')) return response.writeHead(request.url === '/v2/' ? 200 : 404).end();
  response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : manifest);
}).listen(5000, '127.0.0.1', () => process.stdout.write('listening\n'));

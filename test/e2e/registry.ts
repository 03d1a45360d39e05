import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

/**
 * A registry at port 5000 of the loopback, with what is in a folder: blobs and manifests in `blobs/sha256/HEX`, as an OCI
 * layout has them, and `tags/TAG` with the digest that a tag means. All repositories have the same content.
 */
const [folder = ''] = process.argv.slice(2);

createServer((request, response) => {
  const [, kind = '', reference = ''] = /^\/v2\/.+\/(manifests|blobs)\/([\w.:-]+)$/.exec(request.url ?? '') ?? [];
  if (request.url === '/v2/') return response.writeHead(200).end();
  const tag = join(folder, 'tags', reference);
  const digest = kind === 'manifests' && existsSync(tag) ? readFileSync(tag, 'utf8') : reference;
  const file = join(folder, 'blobs', digest.replace(':', '/'));
  if (kind === '' || !digest.startsWith('sha256:') || !existsSync(file)) return response.writeHead(404).end();
  const { length } = readFileSync(file);
  const type = kind === 'manifests' ? 'application/vnd.oci.image.manifest.v1+json' : 'application/octet-stream';
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': length, 'Docker-Content-Digest': digest });
  if (request.method === 'HEAD') return response.end();
  createReadStream(file).pipe(response);
}).listen(5000, '127.0.0.1', () => process.stdout.write('listening\n'));

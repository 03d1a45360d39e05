// The same function as function-go, for Node.js: an identity made at the start, and a counter, in memory only.
//
//   GET /any/path     {"id":…,"born":…,"count":…,"path":["any","path"]}; counts
//   GET /slow?ms=N    the same after N milliseconds; counts when it answers
//   GET /read         the same without counting
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const id = randomUUID();
const born = Date.now();
let count = 0;

const server = createServer(({ url = '/' }, response) => {
  const { pathname, searchParams } = new URL(url, 'http://function');
  const answer = () => {
    if (pathname !== '/read') count++;
    const path = pathname.split('/').filter(Boolean);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(`${JSON.stringify({ id, born, count, path })}\n`);
  };
  if (pathname !== '/slow') return answer();
  const ms = Number(searchParams.get('ms') ?? Number.NaN);
  if (!Number.isSafeInteger(ms)) return response.writeHead(400).end('ms is no number\n');
  setTimeout(answer, ms);
});
// A proxy keeps its idle connections; one that the server ends first can meet a request on its way.
server.keepAliveTimeout = 0;
server.listen(Number(process.env.PORT));
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

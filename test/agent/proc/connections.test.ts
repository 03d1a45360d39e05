import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { connectionsOf, peersIn } from '../../../src/agent/proc/connections.ts';
import { connectionsText } from '../../../src/preflight/connections.ts';

// As a kernel of a machine with little-endian numbers prints them.
const line = (local: string, remote: string, state = '01', inode = '4711'): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 20 4 30 10 -1`;
const own = '0501650A:1F90'; // 10.101.1.5:8080
const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const mapped = '0000000000000000FFFF0000';

test('connections are counted by the address of the other end, the most first', () => {
  const table = [
    header,
    line(own, '0900000A:0050'),
    line(own, '0800000A:9C40'),
    line(`${mapped}${own}`, `${mapped}0800000A:9C41`),
    line('000000FD000000000000000005000000:1F90', '000000FD000000000000000001000000:9C42'),
  ].join('\n');
  expect(peersIn(table, ['10.101.1.5'])).toEqual([
    { address: '10.0.0.8', connections: 2 },
    { address: '10.0.0.9', connections: 1 },
    { address: 'fd00::1', connections: 1 },
  ]);
});

test('those within the pod are none, nor what only listens, waits to be accepted, or has ended', () => {
  const table = [
    header,
    line(own, '00000000:0000', '0A'),
    line(own, '0800000A:9C40', '06', '0'),
    line(own, '0800000A:9C41', '01', '0'),
    line('0100007F:1F90', '0100007F:9C40'),
    line(own, own),
    line('00000000000000000000000001000000:1F90', '00000000000000000000000001000000:9C40'),
  ].join('\n');
  expect(peersIn(table, ['10.101.1.5'])).toEqual([]);
});

const address = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

test.skipIf(address === undefined)('genuine ones of this machine are found', async () => {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect((server.address() as { port: number }).port, address);
  await Promise.all([accepted, once(client, 'connect')]);
  expect(connectionsOf(process.pid, [], '/proc').find((one) => one.address === address)?.connections).toBeGreaterThanOrEqual(2);
  expect(connectionsOf(process.pid, [String(address)], '/proc').find((one) => one.address === address)).toBeUndefined();
  client.destroy();
  server.close();
});

test('a few are named, the others counted', () => {
  const peers = Array.from({ length: 10 }, (_, index) => ({ address: `10.0.0.${index}`, connections: 10 - index }));
  expect(connectionsText(peers)).toMatch(/^10 with 10\.0\.0\.0, 9 with 10\.0\.0\.1, .*, 3 with 10\.0\.0\.7, 3 with 2 others$/);
  expect(connectionsText([])).toBeUndefined();
});

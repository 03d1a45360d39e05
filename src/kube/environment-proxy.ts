import { BlockList, isIP } from 'node:net';

/**
 * The proxy that the environment names for a server (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), as Go's http package and thus
 * kubectl reads them: never for this machine itself, NO_PROXY by domain, address, address block or `*`.
 */
export function proxyOf(server: string, env: NodeJS.ProcessEnv): string | undefined {
  const { protocol, hostname, port } = new URL(server);
  const host = hostname.replace(/^\[|\]$/g, '');
  const name = protocol === 'http:' ? 'http_proxy' : 'https_proxy';
  const proxy = env[name.toUpperCase()] || env[name];
  if (!proxy || host === 'localhost' || isLoopback(host)) return undefined;
  const exceptions = (env['NO_PROXY'] || env['no_proxy'] || '').split(',').map((one) => one.trim().toLowerCase());
  if (exceptions.some((one) => one !== '' && matches(host.toLowerCase(), port || (protocol === 'http:' ? '80' : '443'), one)))
    return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function isLoopback(host: string): boolean {
  return (isIP(host) === 4 && host.startsWith('127.')) || host === '::1';
}

function matches(host: string, port: string, exception: string): boolean {
  if (exception === '*') return true;
  const block = /^(.+)\/(\d+)$/.exec(exception);
  if (block) return inBlock(host, block[1] ?? '', Number(block[2]));
  const withPort = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(exception);
  if (withPort && withPort[3] !== port) return false;
  const name = withPort?.[1] ?? withPort?.[2] ?? exception;
  if (isIP(host) || isIP(name)) return host === name;
  const domain = name.replace(/^\*?\./, '');
  // ".example.com" means what is below it, "example.com" also itself.
  return host.endsWith(`.${domain}`) || (domain === name && host === domain);
}

function inBlock(host: string, address: string, bits: number): boolean {
  const family = isIP(host);
  if (family === 0 || family !== isIP(address) || bits > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(address, bits, type);
  return list.check(host, type);
}

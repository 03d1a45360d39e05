import { expect, test } from 'vitest';
import { proxyOf } from '../../src/kube/environment-proxy.ts';

const proxy = 'http://proxy:3128';

test.each<[string, string, NodeJS.ProcessEnv, string | undefined]>([
  ['none', 'https://api.example', {}, undefined],
  ['for https', 'https://api.example', { HTTPS_PROXY: proxy, HTTP_PROXY: 'http://other' }, proxy],
  ['for http', 'http://api.example', { HTTPS_PROXY: proxy, HTTP_PROXY: 'http://other' }, 'http://other'],
  ['in small letters', 'https://api.example', { https_proxy: proxy }, proxy],
  ['without a scheme', 'https://api.example', { HTTPS_PROXY: 'proxy:3128' }, proxy],
  ['never for this machine', 'https://127.0.0.1:6443', { HTTPS_PROXY: proxy }, undefined],
  ['never for localhost', 'https://localhost:6443', { HTTPS_PROXY: proxy }, undefined],
  ['never for this machine (IPv6)', 'https://[::1]:6443', { HTTPS_PROXY: proxy }, undefined],
  ['not for anything', 'https://api.example', { HTTPS_PROXY: proxy, NO_PROXY: '*' }, undefined],
  ['not for a domain', 'https://a.api.example', { HTTPS_PROXY: proxy, NO_PROXY: 'x, api.example' }, undefined],
  ['not for the domain itself', 'https://api.example', { HTTPS_PROXY: proxy, NO_PROXY: 'API.example' }, undefined],
  [
    'but for the domain itself when only what is below is meant',
    'https://api.example',
    { HTTPS_PROXY: proxy, NO_PROXY: '.api.example' },
    proxy,
  ],
  ['but for a name that only ends alike', 'https://myapi.example', { HTTPS_PROXY: proxy, NO_PROXY: 'api.example' }, proxy],
  ['not for an address', 'https://10.1.2.3', { HTTPS_PROXY: proxy, NO_PROXY: '10.1.2.3' }, undefined],
  ['not for a block of addresses', 'https://10.1.2.3', { HTTPS_PROXY: proxy, NO_PROXY: '10.0.0.0/8' }, undefined],
  ['but for another block', 'https://11.1.2.3', { HTTPS_PROXY: proxy, NO_PROXY: '10.0.0.0/8' }, proxy],
  ['not for a block of IPv6', 'https://[fd00::7]', { HTTPS_PROXY: proxy, NO_PROXY: 'fd00::/16' }, undefined],
  ['not for a port', 'https://api.example:6443', { HTTPS_PROXY: proxy, NO_PROXY: 'api.example:6443' }, undefined],
  ['but for another port', 'https://api.example', { HTTPS_PROXY: proxy, NO_PROXY: 'api.example:6443' }, proxy],
  ['a block that is none', 'https://10.1.2.3', { HTTPS_PROXY: proxy, NO_PROXY: '10.0.0.0/99' }, proxy],
])('the proxy is %s', (_what, server, env, expected) => {
  expect(proxyOf(server, env)).toBe(expected);
});

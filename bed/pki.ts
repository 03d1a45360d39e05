import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { must } from '../build/run.ts';
import { clusters, kubeconfigFile, pkiDir, type Cluster } from './layout.ts';

/** Makes a cluster's certificates and keys, and its administrator's kubeconfig, unless they are there. */
export async function makePki(cluster: Cluster): Promise<void> {
  const folder = pkiDir(cluster.name);
  if (existsSync(join(folder, 'admin.kubeconfig'))) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const openssl = async (...args: readonly string[]): Promise<string> => must(['openssl', ...args], { cwd: folder });
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    `/CN=${cluster.name}-ca`,
    '-days',
    '3650',
  );
  // Requests that come through an aggregator are trusted by another authority, or any client could claim to be one.
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'front-proxy.key',
    '-out',
    'front-proxy.crt',
    '-subj',
    '/CN=front-proxy-ca',
    '-days',
    '3650',
  );
  await openssl('genrsa', '-out', 'service-account.key', '2048');
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'];
  const addresses = [cluster.address, '127.0.0.1', cluster.serviceAddress];
  const subjects = [...names.map((name) => `DNS:${name}`), ...addresses.map((address) => `IP:${address}`)].join(',');
  await sign(folder, 'apiserver', '/CN=kube-apiserver', `subjectAltName=${subjects}\nextendedKeyUsage=serverAuth\n`);
  await sign(folder, 'admin', `/O=system:masters/CN=${cluster.name}-admin`, 'extendedKeyUsage=clientAuth\n');
  await writeFile(join(folder, 'admin.kubeconfig'), await kubeconfig([cluster]), { mode: 0o600 });
}

async function sign(folder: string, name: string, subject: string, extensions: string): Promise<void> {
  await writeFile(join(folder, `${name}.ext`), extensions);
  await must(['openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject], {
    cwd: folder,
  });
  await must(
    [
      'openssl',
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.crt`,
      '-days',
      '3650',
      '-extfile',
      `${name}.ext`,
    ],
    { cwd: folder },
  );
}

/** Writes the kubeconfig of the bed's user: contexts `home` and `away`, the first one current. */
export async function writeKubeconfig(): Promise<void> {
  await writeFile(kubeconfigFile, await kubeconfig(clusters), { mode: 0o600 });
}

async function kubeconfig(of: readonly Cluster[]): Promise<string> {
  const parts = await Promise.all(
    of.map(async ({ name, address }) => {
      const read = async (file: string): Promise<string> => (await readFile(join(pkiDir(name), file))).toString('base64');
      return {
        cluster: { name, cluster: { 'server': `https://${address}:6443`, 'certificate-authority-data': await read('ca.crt') } },
        user: {
          name: `${name}-admin`,
          user: { 'client-certificate-data': await read('admin.crt'), 'client-key-data': await read('admin.key') },
        },
        context: { name, context: { cluster: name, user: `${name}-admin` } },
      };
    }),
  );
  return dump({
    'apiVersion': 'v1',
    'kind': 'Config',
    'clusters': parts.map((part) => part.cluster),
    'users': parts.map((part) => part.user),
    'contexts': parts.map((part) => part.context),
    'current-context': of[0]?.name,
  });
}

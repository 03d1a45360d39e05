import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { must, run } from '../build/run.ts';
import { clusterOf, networkOf, pkiDir, stateDir, type BedNode } from './layout.ts';
import { nodeTree } from './node-tree.ts';
import { startDaemon } from './processes.ts';
import { goTools } from './tools.ts';
import { until } from './until.ts';

/** Starts etcd, API server, controller manager and scheduler of a cluster, in the network of its first node. */
export async function startControlPlane(node: BedNode): Promise<void> {
  const cluster = clusterOf(node);
  const pki = pkiDir(cluster.name);
  const data = join(stateDir, 'control-plane', cluster.name);
  await mkdir(data, { recursive: true });
  const tools = await goTools('kubernetes');
  const inNetwork = ['nsenter', `--net=/run/netns/${networkOf(node)}`];
  const start = async (name: string, command: readonly string[]): Promise<void> =>
    startDaemon(`${cluster.name}-${name}`, [...inNetwork, ...command]);

  await start('etcd', [
    `${await nodeTree()}/usr/bin/etcd`,
    `--data-dir=${data}/etcd`,
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--unsafe-no-fsync',
  ]);
  await start('apiserver', [
    `${tools}/kube-apiserver`,
    '--etcd-servers=http://127.0.0.1:2379',
    `--service-cluster-ip-range=${cluster.serviceCidr}`,
    `--advertise-address=${cluster.address}`,
    '--secure-port=6443',
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--client-ca-file=${pki}/ca.crt`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pki}/service-account.key`,
    `--service-account-signing-key-file=${pki}/service-account.key`,
    `--kubelet-client-certificate=${pki}/admin.crt`,
    `--kubelet-client-key=${pki}/admin.key`,
    '--kubelet-preferred-address-types=InternalIP',
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    `--requestheader-client-ca-file=${pki}/front-proxy.crt`,
    '--requestheader-allowed-names=front-proxy',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
  ]);
  await until(`the API server of ${cluster.name}`, 60_000, async () => (await kubectl(cluster.name, 'get', '--raw', '/readyz')).code === 0);
  const kubeconfig = `${pki}/admin.kubeconfig`;
  const access = [`--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`];
  await start('controller-manager', [
    `${tools}/kube-controller-manager`,
    ...access,
    `--service-account-private-key-file=${pki}/service-account.key`,
    `--root-ca-file=${pki}/ca.crt`,
    `--cluster-signing-cert-file=${pki}/ca.crt`,
    `--cluster-signing-key-file=${pki}/ca.key`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ]);
  await start('scheduler', [`${tools}/kube-scheduler`, ...access, '--leader-elect=false', '--bind-address=127.0.0.1']);
}

/** Runs kubectl as a cluster's administrator, from the bed's bridge. */
export async function kubectl(cluster: 'home' | 'away', ...args: readonly string[]): ReturnType<typeof run> {
  const tools = await goTools('kubernetes');
  const kubeconfig = join(pkiDir(cluster), 'admin.kubeconfig');
  if (!existsSync(kubeconfig)) return { code: 1, stdout: '', stderr: `no cluster ${cluster}` };
  return await run(['nsenter', `--net=/run/netns/${networkOf()}`, `${tools}/kubectl`, `--kubeconfig=${kubeconfig}`, ...args]);
}

/** The same for a call that has to succeed. @throws Error with kubectl's words */
export async function mustKubectl(cluster: 'home' | 'away', args: readonly string[], input?: string): Promise<string> {
  const tools = await goTools('kubernetes');
  const command = [
    'nsenter',
    `--net=/run/netns/${networkOf()}`,
    `${tools}/kubectl`,
    `--kubeconfig=${join(pkiDir(cluster), 'admin.kubeconfig')}`,
    ...args,
  ];
  return await must(command, input === undefined ? {} : { input });
}

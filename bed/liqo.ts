import { join } from 'node:path';
import { must } from '../build/run.ts';
import { clusters, networkOf, pkiDir, workloadNamespace, type Cluster } from './layout.ts';
import { kubectl, mustKubectl } from './control-plane.ts';
import { goTools, liqoSources } from './tools.ts';
import { until } from './until.ts';

const inBridge = ['nsenter', `--net=/run/netns/${networkOf()}`];
const kubeconfig = (cluster: Cluster): string => join(pkiDir(cluster.name), 'admin.kubeconfig');

/** Installs Liqo with its own chart. Pods reach each other by routes here, so its network fabric stays off. */
export async function installLiqo(cluster: Cluster): Promise<void> {
  const settings = [
    'tag=v1.2.0',
    'networking.enabled=false',
    'metricAgent.enabled=false',
    'telemetry.enabled=false',
    'proxy.enabled=false',
    `discovery.config.clusterID=${cluster.name}`,
    `apiServer.address=https://${cluster.address}:6443`,
    `ipam.podCIDR=${cluster.podCidr}`,
    `ipam.serviceCIDR=${cluster.serviceCidr}`,
  ];
  const chart = join(await liqoSources(), 'deployments', 'liqo');
  await must([
    ...inBridge,
    join(await goTools('helm'), 'helm'),
    `--kubeconfig=${kubeconfig(cluster)}`,
    'upgrade',
    '--install',
    'liqo',
    chart,
    '--namespace',
    'liqo',
    '--create-namespace',
    '--wait',
    '--timeout',
    '180s',
    ...settings.flatMap((setting) => ['--set', setting]),
  ]);
}

/** Peers `home` (consumer) with `away` (provider) and offloads the workloads' namespace. */
export async function peerClusters(): Promise<void> {
  const [home, away] = clusters;
  if (!home || !away) throw new Error('the bed has two clusters');
  const liqoctl = [...inBridge, join(await goTools('liqo'), 'liqoctl')];
  await must([
    ...liqoctl,
    'peer',
    '--kubeconfig',
    kubeconfig(home),
    '--remote-kubeconfig',
    kubeconfig(away),
    '--networking-disabled',
    '--skip-confirm',
    '--cpu',
    '16',
    '--memory',
    '20Gi',
    '--pods',
    '200',
  ]);
  await until('the virtual node away', 60_000, async () => (await kubectl('home', 'get', 'node', 'away')).code === 0);
  await mustKubectl('home', ['wait', '--for=condition=Ready', 'node/away', '--timeout=60s']);
  await mustKubectl('home', ['create', 'namespace', workloadNamespace]);
  await offload(workloadNamespace);
}

/** Gives a namespace of `home` its twin in `away`, under the same name. */
export async function offload(namespace: string): Promise<void> {
  const liqoctl = [...inBridge, join(await goTools('liqo'), 'liqoctl')];
  await must([
    ...liqoctl,
    'offload',
    'namespace',
    namespace,
    '--kubeconfig',
    join(pkiDir('home'), 'admin.kubeconfig'),
    '--skip-confirm',
    '--namespace-mapping-strategy',
    'EnforceSameName',
    '--pod-offloading-strategy',
    'LocalAndRemote',
  ]);
}

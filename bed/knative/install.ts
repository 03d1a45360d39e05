import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '../../src/kube/types.ts';
import { mustKubectl } from '../control-plane.ts';
import { networkOf, pkiDir, stateDir } from '../layout.ts';
import { recordedProcesses, startDaemon } from '../processes.ts';
import { dnsObjects } from './dns.ts';
import { knativeManifests } from './manifests.ts';

/** What was installed last, as the hash of all objects: to apply them again takes longer than to look. */
const record = join(stateDir, 'knative');
const ingress = 'home-ingress-stand-in';
const programs = ['controller', 'autoscaler', 'activator'];

/** Installs Knative Serving in the home cluster, or waits until what is installed is ready. Its images have to be on the nodes. */
export async function installKnative(): Promise<void> {
  const { definitions, core, webhooks } = await knativeManifests();
  const hash = createHash('sha256')
    .update(JSON.stringify([definitions, dnsObjects, core, webhooks]))
    .digest('hex');
  const isInstalled = (await readFile(record, 'utf8').catch(() => '')) === hash;
  if (!isInstalled) {
    await apply(definitions);
    const names = definitions.filter(({ kind }) => kind === 'CustomResourceDefinition').map(({ metadata }) => `crd/${metadata.name}`);
    await mustKubectl('home', ['wait', '--for=condition=Established', '--timeout=60s', ...names]);
    await apply([...dnsObjects, ...core]);
    await untilRolledOut('kube-system', 'coredns');
    await untilRolledOut('knative-serving', 'webhook');
    await apply(webhooks);
  }
  for (const name of programs) await untilRolledOut('knative-serving', name);
  if (!(await recordedProcesses()).some(({ name }) => name === ingress)) await startIngress();
  await writeFile(record, hash);
}

async function startIngress(): Promise<void> {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'ingress-main.ts')];
  await startDaemon(ingress, ['nsenter', `--net=/run/netns/${networkOf()}`, '--', ...node, join(pkiDir('home'), 'admin.kubeconfig')]);
}

async function apply(objects: readonly KubeObject[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  // Controllers have filled in some of it by the second time.
  await mustKubectl('home', ['apply', '--server-side', '--force-conflicts', '-f', '-'], list);
}

async function untilRolledOut(namespace: string, name: string): Promise<void> {
  await mustKubectl('home', ['-n', namespace, 'rollout', 'status', `deployment/${name}`, '--timeout=120s']);
}

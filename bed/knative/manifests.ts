import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { KubeObject } from '../../src/kube/types.ts';
import { knativeSources } from '../tools.ts';
import { dnsAddress } from './dns.ts';
import { imageOf, registry } from './images.ts';
import { ingressClass } from './ingress.ts';

/** Knative's own objects, in the order in which they have to be made. */
export interface Manifests {
  readonly definitions: readonly KubeObject[];
  readonly core: readonly KubeObject[];
  /** Refuse everything until the webhook's pod is ready, so they come last. */
  readonly webhooks: readonly KubeObject[];
}

/** Of each ConfigMap that does not stay as it is; the others and all other keys have Knative's defaults. */
const settings: Readonly<Record<string, Record<string, string>>> = {
  'config-deployment': {
    'queue-sidecar-image': imageOf('queue'),
    'registries-skipping-tag-resolving': registry,
    'progress-deadline': '120s',
  },
  // As short as Knative lets them be, so that a test sees an instance go.
  'config-autoscaler': { 'scale-to-zero-grace-period': '6s', 'stable-window': '6s' },
  'config-domain': { 'functions.test': '' },
  'config-network': { 'ingress-class': ingressClass },
  // Without a node selector the virtual node is as good as any: Liqo tolerates it for every pod of an offloaded namespace.
  'config-features': { 'kubernetes.podspec-nodeselector': 'enabled' },
};

/** Knative Serving's manifests as its modules have them, cut down for a small cluster. */
export async function knativeManifests(): Promise<Manifests> {
  const serving = join(await knativeSources('knative.dev/serving'), 'config/core');
  // Serving's repository has links to these, and a module has no links.
  const networking = join(await knativeSources('knative.dev/networking'), 'config');
  const caching = join(await knativeSources('knative.dev/caching'), 'config');
  const definitions = [
    ...(await read(serving, (name) => name.startsWith('100-'))),
    ...(await read(join(serving, '300-resources'))),
    ...[...(await read(networking)), ...(await read(caching))].filter(({ kind }) => kind === 'CustomResourceDefinition'),
  ];
  const core = [
    ...(await read(join(serving, '200-roles'))),
    ...(await read(serving, (name) => name.startsWith('200-'))),
    ...(await read(join(serving, 'configmaps'))),
    ...(await read(networking)).filter(({ kind }) => kind === 'ConfigMap'),
    ...(await read(join(serving, 'webhooks'), (name) => name === 'secret.yaml')),
    ...(await read(join(serving, 'deployments'), (name) => !name.endsWith('-hpa.yaml'))),
  ];
  const webhooks = await read(join(serving, 'webhooks'), (name) => name !== 'secret.yaml');
  return { definitions, core: core.map(cutDown), webhooks };
}

async function read(folder: string, isMeant: (name: string) => boolean = () => true): Promise<KubeObject[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml') && isMeant(name)).toSorted();
  const texts = await Promise.all(names.map(async (name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => loadAll(text) as (KubeObject | null)[]).filter((object) => object !== null);
}

interface Deployment extends KubeObject {
  spec: { template: { spec: Record<string, unknown> & { containers: Record<string, unknown>[] } } };
}

function cutDown(object: KubeObject): KubeObject {
  if (object.kind === 'ConfigMap') {
    const { data } = object as KubeObject & { data?: Record<string, string> };
    return { ...object, data: { ...data, ...settings[object.metadata.name] } } as KubeObject;
  }
  return object.kind === 'Deployment' ? onHomeNode(object as Deployment) : object;
}

function onHomeNode(deployment: Deployment): KubeObject {
  const { affinity: _, ...pod } = deployment.spec.template.spec;
  const spec = {
    ...pod,
    terminationGracePeriodSeconds: 5,
    nodeSelector: { 'kubernetes.io/hostname': 'home-1' },
    // The kubelets of the bed know no DNS.
    dnsPolicy: 'None',
    dnsConfig: {
      nameservers: [dnsAddress],
      searches: ['knative-serving.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
      options: [{ name: 'ndots', value: '5' }],
    },
    containers: pod.containers.map((container) => ({
      ...container,
      image: imageOf(String(container['name'])),
      resources: { requests: { cpu: '10m', memory: '30Mi' } },
    })),
  };
  const { template } = deployment.spec;
  return { ...deployment, spec: { ...deployment.spec, template: { ...template, spec } } } as KubeObject;
}

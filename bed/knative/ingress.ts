import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConnection } from '../../src/kube/connection.ts';
import type { KubeObject } from '../../src/kube/types.ts';

/** The class of Knative's Ingress objects that the stand-in answers for. */
export const ingressClass = 'stand-in.ingress.networking.knative.dev';

const collection = '/apis/networking.internal.knative.dev/v1alpha1/ingresses';
const classAnnotation = 'networking.knative.dev/ingress.class';

interface Ingress extends KubeObject {
  status?: { observedGeneration?: number };
}

/**
 * A stand-in for an ingress controller: says of each route that it is served, and serves none. Clients go to a revision's own
 * Service, or to the activator's with the headers that an ingress sets. Without it no Service of Knative becomes Ready.
 */
export async function standInForIngress(home: KubeConnection): Promise<never> {
  for (; ; await delay(300)) {
    try {
      const { items } = await home.list<Ingress>(collection);
      for (const ingress of items) {
        const isOurs = ingress.metadata.annotations?.[classAnnotation] === ingressClass;
        if (isOurs && ingress.status?.observedGeneration !== ingress.metadata.generation) await sayServed(home, ingress);
      }
    } catch (error) {
      // An API server that is away, or an object that has just gone or changed: looked at again.
      process.stderr.write(`${new Date().toISOString()} ${(error as Error).message}\n`);
    }
  }
}

async function sayServed(home: KubeConnection, { metadata }: Ingress): Promise<void> {
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const loadBalancer = { ingress: [{ domainInternal: 'activator-service.knative-serving.svc.cluster.local' }] };
  const conditions = ['LoadBalancerReady', 'NetworkConfigured', 'Ready'].map((type) => ({ type, status: 'True', lastTransitionTime }));
  const status = {
    observedGeneration: metadata.generation,
    publicLoadBalancer: loadBalancer,
    privateLoadBalancer: loadBalancer,
    conditions,
  };
  const path = `/apis/networking.internal.knative.dev/v1alpha1/namespaces/${metadata.namespace}/ingresses/${metadata.name}/status`;
  await home.patch(path, { metadata: { resourceVersion: metadata.resourceVersion }, status }, 'merge');
}

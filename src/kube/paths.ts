import type { Pod } from './types.ts';

/** Path of a namespace's pods at an API server. */
export function podsIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}

export function pathOf({ metadata }: Pod): string {
  return `${podsIn(metadata.namespace ?? '')}/${metadata.name}`;
}

export function eventsIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/events`;
}

export function servicesIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/services`;
}

export function endpointsIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/endpoints`;
}

export function secretsIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/secrets`;
}

/** Path of a namespace's ShadowPods at a peer's API server. */
export function shadowPodsIn(namespace: string): string {
  return `/apis/offloading.liqo.io/v1beta1/namespaces/${namespace}/shadowpods`;
}

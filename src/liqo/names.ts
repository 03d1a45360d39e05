/** Labels, annotations and taints of Liqo 1.2 (its pkg/consts and pkg/virtualKubelet/forge/meta.go). */
export const virtualNodeToleration = { key: 'virtual-node.liqo.io/not-allowed', operator: 'Exists', effect: 'NoExecute' } as const;
export const originLabel = 'offloading.liqo.io/origin';
export const destinationLabel = 'offloading.liqo.io/destination';
export const nodeNameLabel = 'offloading.liqo.io/nodename';
export const localPodLabel = 'liqo.io/shadowPod';
export const apiServerSupportAnnotation = 'liqo.io/api-server-support';
export const remoteServiceAccountAnnotation = 'liqo.io/remote-service-account-name';
export const remoteRuntimeClassAnnotation = 'liqo.io/remote-runtime-class-name';
export const antiAffinityAnnotation = 'liqo.io/anti-affinity-preset';
export const antiAffinityLabelsAnnotation = 'liqo.io/anti-affinity-labels';
export const remoteClusterLabel = 'liqo.io/remote-cluster-id';
/** On namespaces whose pods may be offloaded. */
export const schedulingLabel = 'liqo.io/scheduling-enabled';

/** What we make carries these, so that anybody can find what a killed migration left. */
export const managedByLabel = 'app.kubernetes.io/managed-by';
export const managedByValue = 'kubectl-migrate';
export const migrationLabel = 'kubectl-migrate/migration';
/** On helper pods: the name of the pod that is moved. No label, whose values are shorter than names may be. */
export const movedPodAnnotation = 'kubectl-migrate/pod';
export const movedPodUidAnnotation = 'kubectl-migrate/pod-uid';
/** On helper pods: the IDs of the containers that are moved. Another one in their place has none of their memory. */
export const movedContainersAnnotation = 'kubectl-migrate/containers';
/** On the source helper: by this the pod's object is known again that the source's agent keeps. */
export const recordAnnotation = 'kubectl-migrate/record';
/** On the source helper: out of which Endpoints the pod's address may have been taken. */
export const drainedAnnotation = 'kubectl-migrate/drained';

/**
 * The fields that we look at. Objects travel as the raw JSON that the API server sent, with every field it knows, so
 * all types here are open: whatever is not named is still there and is sent back as it came.
 */
export interface ObjectMeta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
  finalizers?: string[];
  managedFields?: { manager?: string; operation?: string }[];
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

export interface KubeList<T> {
  metadata: { resourceVersion?: string; continue?: string };
  items: T[];
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { fieldRef?: { fieldPath: string }; [source: string]: unknown };
}

export interface Container {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  env?: EnvVar[];
  restartPolicy?: string;
  volumeMounts?: { name: string; mountPath: string; subPath?: string; mountPropagation?: string; [field: string]: unknown }[];
  volumeDevices?: unknown[];
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: { postStart?: unknown; preStop?: unknown };
  resources?: { limits?: Record<string, string>; requests?: Record<string, string>; claims?: unknown[] };
  securityContext?: { privileged?: boolean; [field: string]: unknown };
  [field: string]: unknown;
}

export interface Probe {
  exec?: unknown;
  tcpSocket?: unknown;
  timeoutSeconds?: number;
  initialDelaySeconds?: number;
  periodSeconds?: number;
  failureThreshold?: number;
  [field: string]: unknown;
}

export interface ProjectedSource {
  configMap?: { name?: string; optional?: boolean; [field: string]: unknown };
  secret?: { name?: string; optional?: boolean; items?: { key: string; path: string }[]; [field: string]: unknown };
  serviceAccountToken?: { path: string; audience?: string; expirationSeconds?: number };
  downwardAPI?: unknown;
  [source: string]: unknown;
}

export interface Volume {
  name: string;
  emptyDir?: { medium?: string; sizeLimit?: string };
  configMap?: { name?: string; optional?: boolean };
  secret?: { secretName?: string; optional?: boolean };
  projected?: { sources?: ProjectedSource[]; defaultMode?: number };
  downwardAPI?: unknown;
  [source: string]: unknown;
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
}

export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  ephemeralContainers?: Container[];
  volumes?: Volume[];
  nodeName?: string;
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: Record<string, unknown>;
  imagePullSecrets?: { name: string }[];
  serviceAccountName?: string;
  serviceAccount?: string;
  restartPolicy?: string;
  runtimeClassName?: string;
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  hostUsers?: boolean;
  shareProcessNamespace?: boolean;
  hostAliases?: { ip: string; hostnames: string[] }[];
  resourceClaims?: unknown[];
  readinessGates?: { conditionType: string }[];
  [field: string]: unknown;
}

export interface ContainerStatus {
  name: string;
  containerID?: string;
  imageID?: string;
  image?: string;
  ready?: boolean;
  /** Whether its startup probe has succeeded; true without one. */
  started?: boolean;
  restartCount?: number;
  /** What the container of that name was before this one. */
  lastState?: { terminated?: { reason?: string } };
  state?: {
    running?: { startedAt?: string };
    waiting?: { reason?: string; message?: string };
    terminated?: { exitCode: number; reason?: string; message?: string };
  };
}

export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    podIP?: string;
    startTime?: string;
    podIPs?: { ip: string }[];
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface Secret extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

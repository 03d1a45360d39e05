import type { Container, Pod } from '../kube/types.ts';
import { antiAffinityAnnotation, apiServerSupportAnnotation } from '../liqo/names.ts';
import { finding, when, type Finding } from './finding.ts';
import { unknownFields } from './known-fields.ts';

/** What is not as it was after a move, item by item, for a person who has to decide whether that matters. Pure. */
export function lossesOf(pod: Pod): Finding[] {
  const on = { kind: 'pod', name: pod.metadata.name } as const;
  return [
    finding('KM-CONNECTIONS', on, 'connections to the outside: their peers get a reset'),
    finding('KM-ADDRESS', on, 'its IP address and its UID: it gets new ones'),
    finding(
      'KM-SERVICE-ADDRESS',
      on,
      "addresses of Services that it has looked up or has in its environment, the API server's among them: the peer has others",
    ),
    finding(
      'KM-PROCESS-SETTINGS',
      on,
      'what its processes have set of this: affinity to processors, I/O priority (ioprio), timer slack (PR_SET_TIMERSLACK), NUMA policy, personality, kernel keyrings, Landlock rules',
    ),
    finding(
      'KM-KUBELET-FILES',
      on,
      "changes to /etc/hosts, /etc/resolv.conf, /etc/hostname and the termination message: the peer's kubelet writes its own",
    ),
    finding('KM-FILE-IDENTITY', on, 'inode numbers, birth times and flags (chattr) of its files'),
    finding(
      'KM-CREDENTIALS',
      on,
      'tokens that it holds in memory: they end with the old pod object, and are good again when they are read anew',
    ),
    finding('KM-LOGS', on, 'what its containers have logged so far: kubectl logs begins anew'),
    ...restartCounts(pod),
    ...droppedByLiqo(pod),
    ...pod.spec.containers.flatMap(containerLosses),
    ...when(
      pod.spec['activeDeadlineSeconds'] !== undefined,
      'KM-ACTIVE-DEADLINE',
      on,
      `its activeDeadlineSeconds (${String(pod.spec['activeDeadlineSeconds'])}): they begin anew`,
    ),
    ...unknownFields(pod).map((field) =>
      finding('KM-UNKNOWN-FIELD', on, `${field}: a field that this version does not know; look whether the peer's pod has it`),
    ),
  ];
}

function restartCounts({ status }: Pod): Finding[] {
  const counted = (status?.containerStatuses ?? []).filter(({ restartCount = 0 }) => restartCount > 0);
  return counted.map(({ name, restartCount }) =>
    finding('KM-RESTART-COUNT', { kind: 'container', name }, `the restart count of container ${name} (${restartCount}): it begins at 0`),
  );
}

/** Fields that the virtual kubelet does not hand on (Liqo: forge.RemotePodSpec); the object at home keeps them. */
function droppedByLiqo({ metadata, spec }: Pod): Finding[] {
  const on = { kind: 'pod', name: metadata.name } as const;
  const annotations = metadata.annotations ?? {};
  const account = spec.serviceAccountName ?? 'default';
  const placement = [
    Object.keys(spec.nodeSelector ?? {}).length > 0 && 'nodeSelector',
    Object.keys(spec.affinity ?? {}).length > 0 && annotations[antiAffinityAnnotation] === undefined && 'affinity',
    (spec['schedulerName'] ?? 'default-scheduler') !== 'default-scheduler' && 'schedulerName',
  ].filter((name) => name !== false);
  const priority = [
    spec['priorityClassName'] !== undefined && spec['priorityClassName'] !== '' && 'priorityClassName',
    spec['priorityClassName'] === undefined && Boolean(spec['priority']) && 'priority',
    spec['preemptionPolicy'] === 'Never' && 'preemptionPolicy',
  ].filter((name) => name !== false);
  const gates = (spec.readinessGates ?? []).map(({ conditionType }) => conditionType);
  const isAnotherAccount = account !== 'default' && annotations[apiServerSupportAnnotation] !== 'remote';
  return [
    ...when(
      placement.length > 0,
      'KM-PLACEMENT',
      on,
      `its rules for a place (${placement.join(', ')}): Liqo does not hand them on to the peer's scheduler`,
    ),
    ...when(priority.length > 0, 'KM-PRIORITY', on, `its ${priority.join(' and ')}: it has the peer's default priority`),
    ...when(spec['overhead'] !== undefined, 'KM-OVERHEAD', on, 'its overhead: the peer does not reckon with it'),
    ...when(
      spec['resources'] !== undefined,
      'KM-POD-RESOURCES',
      on,
      'the resources of the pod as a whole: the peer has those of its containers alone',
    ),
    ...when(
      spec['hostnameOverride'] !== undefined,
      'KM-HOSTNAME-OVERRIDE',
      on,
      'its hostnameOverride, when a container is started anew at the peer',
    ),
    ...when(spec['workloadRef'] !== undefined, 'KM-WORKLOAD', on, 'its workloadRef: the peer does not schedule it with its group'),
    ...when(
      isAnotherAccount,
      'KM-SERVICE-ACCOUNT',
      on,
      `its service account ${account} for the peer's own rules: there it runs as "default"`,
    ),
    ...when(
      gates.length > 0,
      'KM-READINESS-GATES',
      on,
      `its readiness gates (${gates.join(', ')}): it is not ready until somebody sets them at the peer`,
    ),
  ];
}

/** Variables that the kubelet has filled in from what changes with a move (fieldRef). */
const changing = [
  'status.podIP',
  'status.podIPs',
  'status.hostIP',
  'status.hostIPs',
  'spec.nodeName',
  'metadata.uid',
  'spec.serviceAccountName',
];

function containerLosses({ name, env = [], ports, readinessProbe, startupProbe }: Container): Finding[] {
  const on = { kind: 'container', name } as const;
  const stale = env
    .filter(({ valueFrom }) => changing.includes(valueFrom?.fieldRef?.fieldPath ?? ''))
    .map((variable) => `${variable.name} (${variable.valueFrom?.fieldRef?.fieldPath})`);
  const hostPorts = ((ports ?? []) as { hostPort?: number }[]).flatMap(({ hostPort }) => (hostPort ? [hostPort] : []));
  const delays = [startupProbe, readinessProbe].map((probe) => probe?.initialDelaySeconds ?? 0);
  const delay = Math.max(...delays);
  return [
    ...when(
      stale.length > 0,
      'KM-STALE-VARIABLES',
      on,
      `variables of container ${name} that tell of its old place: ${stale.join(', ')}; they stay as they are until it is started anew`,
    ),
    ...when(
      hostPorts.length > 0,
      'KM-HOST-PORT',
      on,
      `the node on which container ${name} has port ${hostPorts.join(', ')} (hostPort): it is the peer's`,
    ),
    ...when(
      delay > 0,
      'KM-READINESS-DELAY',
      on,
      `readiness of container ${name}: its probes begin anew after ${delay} s (initialDelaySeconds)`,
    ),
  ];
}

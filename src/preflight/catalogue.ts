/**
 * What a finding means for a move: it `blocks` it; something of the pod is not there any more afterwards (`loses`); or it is
 * there and not as it was (`changes`).
 */
export type Effect = 'blocks' | 'loses' | 'changes';

interface Entry {
  readonly effect: Effect;
  /** The heading of the code's page, docs/findings/CODE.md. */
  readonly title: string;
}

const blocks = (title: string): Entry => ({ effect: 'blocks', title });
const loses = (title: string): Entry => ({ effect: 'loses', title });
const changes = (title: string): Entry => ({ effect: 'changes', title });

/**
 * Every code that a finding can have. A code never changes its meaning and is never used again for another one: programs and
 * people's notes rely on it.
 */
export const catalogue = {
  // The peering and the user
  'KM-NO-LIQO': blocks('The cluster has no Liqo'),
  'KM-PEER-NOT-READY': blocks('The virtual node is not ready'),
  'KM-PEER-CREDENTIAL': blocks("Liqo's credential for the peer cannot be used"),
  'KM-NOT-OFFLOADED': blocks('The namespace is not offloaded to that peer'),
  'KM-TWIN-NAMESPACE': blocks('The twin namespace is not usable'),
  'KM-TAINT': blocks('The pod does not tolerate a taint of the virtual node'),
  'KM-LIMIT-RANGE': blocks('A LimitRange would change the containers'),
  'KM-RIGHTS': blocks('A right is missing'),
  'KM-SERVER-REFUSES': blocks('An API server refuses what a move has to do'),
  'KM-NAME-TAKEN': blocks('The peer has a pod of that name already'),
  'KM-SERVICE-NAME': blocks("A Service has the pod's name, and Liqo would delete it"),
  'KM-MISSING-REFERENCE': blocks('The peer lacks a ConfigMap or a Secret'),
  // The pod's object
  'KM-DELETED': blocks('The pod is being deleted'),
  'KM-NOT-RUNNING': blocks('The pod does not run'),
  'KM-NO-NODE': blocks('The pod is on no node'),
  'KM-ELSEWHERE': blocks('The pod is on no real node of this cluster'),
  'KM-OWNER': blocks('The pod belongs to a controller'),
  'KM-DAEMON-SET': blocks('The pod belongs to a DaemonSet'),
  'KM-STATIC-POD': blocks('The pod is a static pod'),
  'KM-FINALIZERS': blocks('The pod has finalizers'),
  // What it asks for
  'KM-HOST-NAMESPACE': blocks('The pod uses namespaces of its node'),
  'KM-WINDOWS': blocks('The pod runs on Windows'),
  'KM-RUNTIME': blocks('The container runtime is not containerd'),
  'KM-RUNTIME-CLASS': blocks('The pod asks for a runtime of its own'),
  'KM-USER-NAMESPACE': blocks('The pod has a user namespace'),
  'KM-SHARED-PROCESSES': blocks('The containers share one process namespace'),
  'KM-EPHEMERAL-CONTAINERS': blocks('The pod has ephemeral containers'),
  'KM-SIDECAR': blocks('The pod has sidecars'),
  'KM-POST-START': blocks('A container has a postStart hook'),
  'KM-NETWORK-RULES': blocks("A container may have changed the pod's network"),
  'KM-PRIVILEGED': blocks('A container is privileged'),
  'KM-PROC-MOUNT': blocks('A container has an unmasked /proc'),
  'KM-MOUNT-PROPAGATION': blocks('A container shares mounts with its node'),
  'KM-DEVICE': blocks('The pod holds a device or huge pages'),
  'KM-VOLUME': blocks('A volume cannot be carried'),
  'KM-CLUSTER-IDENTITY': blocks('A volume holds an identity of this cluster'),
  // How long it may stand still
  'KM-FREEZE-BUDGET': blocks('The pod would stand still for longer than it may'),
  'KM-OVER-PATIENCE': changes('The pod may stand still for longer than its kubelet waits'),
  'KM-NO-QUIESCE': blocks('Nobody tells when its requests are done'),
  // The nodes
  'KM-NODES-DIFFER': blocks('The nodes are of different kinds'),
  'KM-PROCESSOR': blocks("The target's processor lacks instructions"),
  'KM-IMAGE': blocks('The image is another one at the peer'),
  'KM-IMAGE-BY-DIGEST': changes('The image has another name at the peer'),
  'KM-UNSCHEDULABLE': blocks('No node of the peer takes the pod'),
  'KM-SPACE': blocks('A node has too little disk space'),
  'KM-MEMORY': blocks("The target's node has too little memory"),
  'KM-HELPER-LIMITED': blocks('A helper pod is held back by limits'),
  'KM-HELPER-LIMITS-LIFTED': changes('The limits of a helper pod were lifted'),
  // What its processes do
  'KM-IO-URING': blocks('A process uses io_uring'),
  'KM-USERFAULTFD': blocks('A process uses userfaultfd'),
  'KM-PERF-EVENT': blocks('A process holds a performance counter'),
  'KM-TRACED': blocks('A process is being traced'),
  'KM-STOPPED': blocks('A process is stopped'),
  'KM-DEAD-MAIN-THREAD': blocks('A process has lost its main thread'),
  'KM-UNINTERRUPTIBLE': blocks('A process hangs in the kernel'),
  'KM-EXEC-SESSION': blocks('Somebody works in a container'),
  'KM-FROZEN': blocks('A container is frozen already'),
  'KM-CLAIMED': blocks('Another migration moves the pod'),
  'KM-COMMITTED': blocks('The pod was handed over to a peer before'),
  // What is not as it was
  'KM-CONNECTIONS': loses('Connections to the outside'),
  'KM-LOGS': loses('What the containers have logged'),
  'KM-PROCESS-SETTINGS': loses('Settings of processes that CRIU does not carry'),
  'KM-KUBELET-FILES': loses("Changes to the kubelet's files"),
  'KM-FILE-IDENTITY': loses('Inode numbers and birth times'),
  'KM-CREDENTIALS': loses('Tokens in memory'),
  'KM-RESTART-COUNT': loses('The restart count'),
  'KM-PLACEMENT': loses('Rules for a place'),
  'KM-PRIORITY': loses('Priority'),
  'KM-OVERHEAD': loses('Overhead'),
  'KM-POD-RESOURCES': loses('Resources of the pod as a whole'),
  'KM-HOSTNAME-OVERRIDE': loses('The overridden host name'),
  'KM-WORKLOAD': loses('The group that the pod is scheduled with'),
  'KM-UNKNOWN-FIELD': loses('A field that this version does not know'),
  'KM-ADDRESS': changes('IP address and UID'),
  'KM-SERVICE-ADDRESS': changes('Addresses of Services'),
  'KM-NAMESPACE': changes("The namespace's name"),
  'KM-SERVICE-ACCOUNT': changes('The service account at the peer'),
  'KM-READINESS-GATES': changes('Readiness gates'),
  'KM-READINESS-DELAY': changes('Readiness after a delay'),
  'KM-STALE-VARIABLES': changes('Variables that tell of the old place'),
  'KM-ACTIVE-DEADLINE': changes('The active deadline'),
  'KM-EXTRA-POD': changes('The owner makes another pod for a moment'),
  'KM-SCALE-DOWN': changes('The order in which a scale-down takes pods'),
  'KM-SCALED': changes('An autoscaler takes the pod away when it is idle'),
  'KM-OUTAGE': changes('When the virtual node is not ready'),
  'KM-QUOTA-FULL': changes('A quota of the namespace is full'),
  'KM-HOST-PORT': changes('Ports of the node'),
} as const satisfies Readonly<Record<`KM-${string}`, Entry>>;

export type FindingCode = keyof typeof catalogue;

export const findingCodes = Object.keys(catalogue) as readonly FindingCode[];

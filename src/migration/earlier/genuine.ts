import { isDeepStrictEqual } from 'node:util';
import type { KubeConnection } from '../../kube/connection.ts';
import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import type { Peer } from '../../liqo/peer.ts';
import { agentContainer, roleLabel, sourceHelper, targetHelper } from '../helpers/pods.ts';
import type { Move } from '../plan.ts';

/**
 * Anybody who may make pods in a namespace can make some with our labels and annotations, and have them say what they like. A helper
 * is ours when its agent is our program, and looks at its node with our eyes; who may make such a pod is root on that node anyway.
 *
 * What is expected is asked of the API server, by a dry run: admission may give every pod of the namespace another image, or
 * variables.
 *
 * @param helpers those that carry our labels
 * @returns those that are ours
 */
export async function genuineOnly(
  home: KubeConnection,
  namespace: string,
  agentImage: string,
  helpers: readonly Pod[],
  signal: AbortSignal,
): Promise<Pod[]> {
  if (helpers.length === 0) return [];
  const move: Move & { sourceNode: string } = {
    id: 'dry-run',
    pod: { metadata: { name: 'dry-run', namespace }, spec: { containers: [] } },
    sourceNode: '',
    peer: { virtualNode: '', clusterId: '', offloadingPatch: {} } as Peer,
    twinNamespace: namespace,
    agentImage,
    carries: [],
    reflected: [],
    tokens: [],
  };
  const made = { source: sourceHelper(move), target: targetHelper(move, new Map()) };
  const asAdmitted = async (wanted: Pod): Promise<Pod> => {
    const { nodeName: _nowhere, ...spec } = wanted.spec;
    const move: Pod = { ...wanted, spec };
    // One that is refused now (a quota, say) tells nothing of those that were not.
    return await home.create<Pod>(podsIn(namespace), move, signal, { dryRun: 'All' }).catch(() => wanted);
  };
  const [source, target] = await Promise.all([asAdmitted(made.source), asAdmitted(made.target)]);
  return helpers.filter((helper) => isGenuine(helper, helper.metadata.labels?.[roleLabel] === 'target' ? target : source));
}

/** Pure part of {@link genuineOnly}. @param expected as admission makes of what we ask for */
export function isGenuine(helper: Pod, expected: Pod): boolean {
  const [own, wanted] = [agentOf(helper), agentOf(expected)];
  return own !== undefined && wanted !== undefined && isDeepStrictEqual(own, wanted);
}

/** What decides what an agent does. Its arguments name the migration and a factor for deadlines; resources are others' business. */
function agentOf({ spec }: Pod): unknown {
  const agents = spec.containers.filter(({ name }) => name === agentContainer);
  const [agent] = agents;
  if (!agent || agents.length !== 1) return undefined;
  const { name, image, command, args = [], env = [], envFrom = [], workingDir, lifecycle, volumeDevices = [], securityContext } = agent;
  const probes = [agent.livenessProbe, agent.readinessProbe, agent.startupProbe].filter((probe) => probe !== undefined).length;
  const volumeMounts = (agent.volumeMounts ?? []).filter(({ mountPath }) => !mountPath.startsWith(tokenPath));
  const known = new Set(volumeMounts.map((mount) => mount.name));
  const volumes = (spec.volumes ?? []).filter((volume) => known.has(volume.name));
  return plain({
    name,
    image,
    command: command ?? [],
    args: [args[0], args[1], args.length],
    env,
    envFrom,
    workingDir: workingDir ?? '',
    lifecycle: lifecycle ?? {},
    volumeDevices,
    privileged: securityContext?.privileged ?? false,
    probes,
    volumeMounts,
    volumes: volumes.map(({ hostPath, emptyDir, ...volume }) => ({
      name: volume.name,
      path: (hostPath as { path?: string })?.path,
      isEmpty: emptyDir !== undefined,
    })),
  } satisfies Record<string, unknown>);
}

/** Where admission mounts the token of a service account, whose name is another one each time. */
const tokenPath = '/var/run/secrets/kubernetes.io/serviceaccount';

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

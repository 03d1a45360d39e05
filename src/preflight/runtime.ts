import type { Pod } from '../kube/types.ts';
import { remoteRuntimeClassAnnotation } from '../liqo/names.ts';
import type { Peer } from '../liqo/peer.ts';
import { finding, when, type Finding } from './finding.ts';

const onlyOrdinary = "only the nodes' ordinary runtime is supported so far";
const onlyContainerd = 'only containerd is supported so far';

/** Whatever of a pod would have it run under another runtime than the one that the agents work with, here or at the peer. */
export function runtimeFindings({ metadata, spec, status }: Pod): Finding[] {
  const on = { kind: 'pod', name: metadata.name } as const;
  const here = spec.runtimeClassName;
  const there = metadata.annotations?.[remoteRuntimeClassAnnotation];
  const foreign = (status?.containerStatuses ?? []).flatMap(({ name, containerID }) => {
    const runtime = runtimeOf(containerID);
    if (runtime === undefined || runtime === 'containerd') return [];
    return [finding('KM-RUNTIME', { kind: 'container', name }, `container ${name} runs under ${runtime}; ${onlyContainerd}`)];
  });
  return [
    ...when(Boolean(here), 'KM-RUNTIME-CLASS', on, `it asks for runtime class ${here}`, onlyOrdinary),
    ...when(
      Boolean(there),
      'KM-RUNTIME-CLASS',
      on,
      `it asks for runtime class ${there} at the peer (${remoteRuntimeClassAnnotation})`,
      onlyOrdinary,
    ),
    ...foreign,
  ];
}

/** That the virtual node gives a runtime class to all pods that go there. Liqo's own one means no other handler. */
export function patchedRuntimeFindings({ virtualNode, offloadingPatch: { runtimeClassName } }: Peer): Finding[] {
  return when(
    Boolean(runtimeClassName) && runtimeClassName !== 'liqo',
    'KM-RUNTIME-CLASS',
    { kind: 'node', name: virtualNode },
    `virtual node ${virtualNode} gives runtime class ${runtimeClassName} to its pods (offloadingPatch)`,
    onlyOrdinary,
  );
}

/**
 * That the node at the peer, where the pod would be made, runs its containers under something else than containerd: the
 * pod's would pass by the agent there, and the program start afresh.
 *
 * @param helper the target helper as the peer's API server has it, running
 */
export function targetRuntimeFindings(helper: Pod): Finding[] {
  const name = helper.spec.nodeName ?? '';
  const runtimes = new Set(
    (helper.status?.containerStatuses ?? []).map(({ containerID }) => runtimeOf(containerID) ?? 'an unknown runtime'),
  );
  if (runtimes.size === 0) runtimes.add('an unknown runtime');
  return [...runtimes]
    .filter((runtime) => runtime !== 'containerd')
    .map((runtime) =>
      finding('KM-RUNTIME', { kind: 'node', name }, `node ${name} of the peer runs containers under ${runtime}; ${onlyContainerd}`),
    );
}

/** `containerd` of `containerd://4f1c…`. */
function runtimeOf(containerId = ''): string | undefined {
  return /^([a-z0-9.+-]+):\/\//i.exec(containerId)?.[1];
}

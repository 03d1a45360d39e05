import type { Container, ContainerStatus, Pod } from '../../kube/types.ts';
import { finding, when, type Finding } from '../../preflight/finding.ts';

/** References by digest, by the name of the container that must have them at the peer in the place of its tag. */
export type Pins = ReadonlyMap<string, string>;

/** The reference under which a container's image is asked for at the peer. */
export function imageAtPeer(container: Container, pins: Pins): string {
  return pins.get(container.name) ?? container.image ?? '';
}

/** The pod with those images named by digest, and everything else as its user wrote it. */
export function withPins(pod: Pod, pins: Pins): Pod {
  if (pins.size === 0) return pod;
  const pinned = (containers: readonly Container[]): Container[] =>
    containers.map((container) => ({ ...container, image: imageAtPeer(container, pins) }));
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: { ...pod.spec, containers: pinned(containers), ...(initContainers ? { initContainers: pinned(initContainers) } : {}) },
  };
}

/**
 * The images that have to be asked for by digest: the tag means another image at the peer, or nothing that can be pulled
 * there. Images without a digest in a registry (imported by hand) cannot be.
 *
 * @param helper with a container for each image, as far as it got
 * @returns none when all is well, or nothing can be done about it
 */
export function pinsNeeded(pod: Pod, helper: Pod, pins: Pins): Map<string, string> {
  const needed = new Map<string, string>();
  for (const { container, isInit, digest } of allContainers(pod)) {
    const pin = pinOf(container.image ?? '', digest);
    if (pin === undefined || pins.has(container.name)) continue;
    const there = statusAtPeer(helper, imageAtPeer(container, pins));
    const isOther =
      there !== undefined && there.imageID !== '' && there.imageID !== undefined && digestOf(there.imageID) !== digest && !isInit;
    if (isOther || isUnpullable(there)) needed.set(container.name, pin);
  }
  return needed;
}

/**
 * What is still wrong with the images at the peer. A tag can mean another image by now, or there: a restored process
 * would find other files than it had.
 */
export function otherImages(pod: Pod, helper: Pod, pins: Pins): Finding[] {
  return allContainers(pod).flatMap(({ container: { name, image }, container, isInit, imageId, digest }) => {
    const there = statusAtPeer(helper, imageAtPeer(container, pins))?.imageID;
    if (isInit || digest === digestOf(there)) return [];
    const text = `container ${name} runs another image than ${image} is at the peer (${imageId}, there ${there})`;
    return [finding('KM-IMAGE', { kind: 'container', name }, text)];
  });
}

/** What the report says of them. */
export function pinFindings(pod: Pod, pins: Pins): Finding[] {
  return allContainers(pod).flatMap(({ container: { name, image } }) => {
    const pin = pins.get(name);
    return when(
      pin !== undefined,
      'KM-IMAGE-BY-DIGEST',
      { kind: 'container', name },
      `container ${name} has its image by digest at the peer (${pin}), where ${image} is not the same one`,
    );
  });
}

interface RunImage {
  readonly container: Container;
  readonly isInit: boolean;
  readonly imageId: string;
  readonly digest: string;
}

function allContainers({ spec, status }: Pod): RunImage[] {
  const described = (containers: readonly Container[], statuses: readonly ContainerStatus[], isInit: boolean): RunImage[] =>
    containers.map((container) => {
      const imageId = statuses.find(({ name }) => name === container.name)?.imageID ?? '';
      return { container, isInit, imageId, digest: digestOf(imageId) };
    });
  return [
    ...described(spec.containers, status?.containerStatuses ?? [], false),
    ...described(spec.initContainers ?? [], status?.initContainerStatuses ?? [], true),
  ];
}

function statusAtPeer({ spec, status }: Pod, image: string): ContainerStatus | undefined {
  const name = spec.containers.find((container) => container.image === image)?.name;
  return status?.containerStatuses?.find((one) => one.name === name);
}

function isUnpullable(status: ContainerStatus | undefined): boolean {
  return /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull)$/.test(status?.state?.waiting?.reason ?? '');
}

/** `repo@sha256:…` in the repository that the user named; undefined when the image has no digest of a registry, or is named by one. */
export function pinOf(image: string, digest: string): string | undefined {
  const [, repository] = /^([^@]+?)(?::[^:/@]+)?$/.exec(image) ?? [];
  return repository !== undefined && digest.startsWith('@') ? `${repository}${digest}` : undefined;
}

/**
 * What tells one image from another: `@sha256:…` for one of a registry, whatever the repository is called, else the
 * runtime's own ID of it.
 */
function digestOf(imageId = ''): string {
  return /@sha256:[0-9a-f]{64}$/.exec(imageId)?.[0] ?? imageId;
}

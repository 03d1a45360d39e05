import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { onHost } from '../node/host.ts';
import { bundles, runcRoot, type RuntimeSpec } from '../runc/container.ts';
import type { AwaitedName } from './await-entry.ts';

/** Whether the node has a sandbox of that pod. */
export function hasSandbox(pod: AwaitedName): boolean {
  return sandboxesOf(pod).length > 0;
}

/**
 * A sandbox of that name about which the wrapper was not asked (yet); `isMade` when the runtime has made it, so that it never will
 * be. Its containers would be made the same way.
 */
export function unaskedSandbox(pod: AwaitedName, wasAsked: (uid: string) => boolean): { readonly isMade: boolean } | undefined {
  const found = sandboxesOf(pod).find(({ uid }) => !wasAsked(uid));
  return found && { isMade: existsSync(onHost(`${runcRoot}/${found.id}/state.json`)) };
}

function sandboxesOf({ namespace, pod }: AwaitedName): { readonly id: string; readonly uid: string }[] {
  return readdirSync(onHost(bundles)).flatMap((id) => {
    try {
      const { annotations = {} } = JSON.parse(readFileSync(onHost(`${bundles}/${id}/config.json`), 'utf8')) as RuntimeSpec;
      const isIt =
        annotations['io.kubernetes.cri.container-type'] === 'sandbox' &&
        annotations['io.kubernetes.cri.sandbox-namespace'] === namespace &&
        annotations['io.kubernetes.cri.sandbox-name'] === pod;
      return isIt ? [{ id, uid: annotations['io.kubernetes.cri.sandbox-uid'] ?? '' }] : [];
    } catch {
      return []; // removed while we looked
    }
  });
}

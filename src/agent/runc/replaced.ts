import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { hostProc, onHost } from '../node/host.ts';
import { bundles, containerPid, runcRoot, type RuntimeSpec } from './container.ts';

/** Whether the runtime has started a container of that pod in the place of one of these. */
export function hasOtherContainers(podUid: string, known: readonly { readonly name: string; readonly id: string }[]): boolean {
  return readdirSync(onHost(bundles)).some(
    (id) => known.every((one) => one.id !== id) && known.some(({ name }) => isRunning(id, podUid, name)),
  );
}

function isRunning(id: string, podUid: string, name: string): boolean {
  try {
    const { annotations = {} } = JSON.parse(readFileSync(onHost(`${bundles}/${id}/config.json`), 'utf8')) as RuntimeSpec;
    const isOfPod = annotations['io.kubernetes.cri.sandbox-uid'] === podUid && annotations['io.kubernetes.cri.container-name'] === name;
    return isOfPod && existsSync(`${hostProc}/${containerPid(runcRoot, id)}`);
  } catch {
    return false; // removed while we looked
  }
}

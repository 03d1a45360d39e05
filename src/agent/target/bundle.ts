import { readFileSync, writeFileSync } from 'node:fs';
import { nodeDir, onHost } from '../node/host.ts';
import type { RuntimeSpec } from '../runc/container.ts';

/** Where the no-op binary appears in a container that has nothing to do. */
const noopInContainer = '/.kubectl-migrate-noop';

function specFile(bundle: string): string {
  return onHost(`${bundle}/config.json`);
}

/**
 * Makes an init container do nothing: its work was done at the source, and its traces travel with the volumes.
 * Only this container's bundle changes; the pod's specification stays as it is.
 */
export function makeNoop(bundle: string): void {
  const spec = JSON.parse(readFileSync(specFile(bundle), 'utf8')) as RuntimeSpec;
  spec.process.args = [noopInContainer];
  spec.mounts = [
    ...(spec.mounts ?? []),
    { destination: noopInContainer, type: 'bind', source: `${nodeDir}/noop`, options: ['bind', 'ro', 'nosuid', 'nodev'] },
  ];
  writeFileSync(specFile(bundle), JSON.stringify(spec));
}

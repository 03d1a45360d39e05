import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { scaled } from '../../deadlines.ts';
import { nodeDir, onHost, runOnHost } from '../node/host.ts';

/** What CRIU has found out about the running kernel (criu: criu/kerndat.c, KERNDAT_CACHE_FILE). */
const cache = '/run/criu.kdat';
/** In our folder: says that the node had none before us. */
const mark = 'made-criu.kdat';

/**
 * Has CRIU look at the node's kernel while nothing stands still yet: the first CRIU after a boot takes a tenth of a
 * second for it, at each end, and keeps what it finds. Our tools must be installed.
 */
export async function learnKerndat(): Promise<void> {
  if (existsSync(onHost(cache))) return;
  writeFileSync(onHost(`${nodeDir}/${mark}`), '');
  // Which feature is asked for, and what the answer is, does not matter.
  await runOnHost([`${nodeDir}/tools/bin/criu`, 'check', '--feature', 'mem_dirty_track'], { deadlineMs: scaled(10_000) });
}

/**
 * Leaves the node without that file if it had none.
 *
 * @param folder what was our folder, already out of the way of the next migration
 */
export function forgetKerndat(folder: string): void {
  if (existsSync(onHost(`${folder}/${mark}`))) rmSync(onHost(cache), { force: true });
}

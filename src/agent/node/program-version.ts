import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { nodeDir, onHost } from './host.ts';

/** What our image's programs and tools were made of, in one line; and of which version those are that the node has. */
const ours = '/agent/made-of';
const installed = `${nodeDir}/made-of`;

/**
 * Sees to it that the programs which the node has of us, or will have, are of this agent's own version: the wrapper of another one
 * has other rules, and both would take the other's for theirs. Those that a dead migration left are removed; the runtime wrapper
 * that is mounted stays mounted until it gives way by itself.
 *
 * @param isInUse whether another migration has something here
 * @throws Error when there are others and another migration needs them
 */
export async function requireOwnVersion(isInUse: () => readonly string[]): Promise<void> {
  const version = readFileSync(ours, 'utf8');
  if (existsSync(onHost(installed)) ? readFileSync(onHost(installed), 'utf8') === version : await isClaimed(version)) return;
  const others = isInUse();
  if (others.length > 0) {
    throw new Error(
      `another version of kubectl migrate is at work on this node, or died there (${others.join(', ')}): when none is, remove ${nodeDir}`,
    );
  }
  for (const name of readdirSync(onHost(nodeDir)).filter((one) => one !== 'migrations')) {
    // Under another name first: nobody finds half of it.
    const gone = onHost(`${nodeDir}/.gone-${process.pid}-${name}`);
    await rename(onHost(`${nodeDir}/${name}`), gone).catch(() => undefined);
    await rm(gone, { recursive: true, force: true });
  }
  await isClaimed(version);
}

/** @returns whether the node's programs are, or will be, of that version: nothing else was there */
async function isClaimed(version: string): Promise<boolean> {
  if (readdirSync(onHost(nodeDir)).some((name) => name === 'wrapper' || name === 'tools')) return false;
  const draft = onHost(`${installed}.draft-${process.pid}`);
  await writeFile(draft, version, { mode: 0o600 });
  await link(draft, onHost(installed)).catch(() => undefined);
  await rm(draft, { force: true });
  return readFileSync(onHost(installed), 'utf8') === version;
}

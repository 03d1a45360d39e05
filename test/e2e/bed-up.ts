import { mkdtempSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { down, mustIn, up, whatIsMissing } from '../../bed/bed.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A file that says, once it is there, that the bed is up (it is empty then) or why it cannot be. */
    bedOutcome: string;
  }
}

/** Names the file to the other projects of this run: each has this set up, and there is one bed. */
const shared = 'KUBECTL_MIGRATE_BED_OUTCOME';

/** Has the bed come up with this checkout's agent image, and leaves it up or down as it was before. */
export async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const known = process.env[shared];
  const folder = known === undefined ? mkdtempSync(join(tmpdir(), 'bed-outcome-')) : dirname(known);
  const outcome = join(folder, 'outcome');
  process.env[shared] = outcome;
  provide('bedOutcome', outcome);
  if (known !== undefined) return undefined;
  const wasUp = (await whatIsMissing()) === undefined;
  const bringUp = async (): Promise<void> => up((line) => process.stderr.write(`bed: ${line}\n`));
  // Not waited for: tests that need no bed run meanwhile; await-bed.ts waits for the others.
  const isUp = bringUp()
    .then(async () => mustIn(['kubectl', '-n', 'demo', 'delete', 'pods', '--all', '--grace-period=1']))
    .then(
      () => '',
      (error: unknown) => (error as Error).message || 'it could not be brought up',
    )
    // Whole as soon as it is there.
    .then(async (words) => writeFile(`${outcome}.draft`, words).then(async () => rename(`${outcome}.draft`, outcome)));
  return async () => {
    await isUp;
    await (wasUp ? bringUp() : down());
    await rm(folder, { recursive: true });
  };
}

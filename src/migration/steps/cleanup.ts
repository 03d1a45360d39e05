import type { Endpoint } from '../endpoint/endpoint.ts';
import type { MadeRecord } from '../made.ts';
import type { Step } from '../step.ts';
import { removals } from '../write.ts';
import type { Committed } from './cutover/cutover.ts';
import { prepare } from './prepare.ts';

/** Removes what the migration made for itself, on both nodes and in both clusters. Never throws: the pod has moved. */
export const cleanup: Step<Committed, { readonly notes: readonly string[] }> = {
  name: 'cleanup',
  writes: (move) => removals(prepare.writes(move)),
  run,
};

/** @returns what could not be removed, item by item */
async function run({ underway, remote }: Committed): Promise<{ notes: string[] }> {
  const { made, source, target } = underway;
  // The target's word goes last: without it a command that finds the source's commit could not know what became of it.
  const notes = [...(await cleanNode(made, source)), ...(await cleanNode(made, target))];
  // An agent that still refuses the pod cleans up when its kubelet lets go of that, if that comes soon.
  const isLeft = notes.length > 0;
  await Promise.all(
    made.objectsAt('home').map(async (one) => {
      await made.remove(one, isLeft).catch((error: unknown) => {
        notes.push(`${one.what} is left: ${(error as Error).message}`);
      });
    }),
  );
  remote.close();
  return { notes };
}

async function cleanNode(made: MadeRecord, end: Endpoint): Promise<string[]> {
  if (!made.isOnNode(end.role)) return [];
  const where = end.where();
  try {
    await end.clean('moved');
    return [];
  } catch (error) {
    return [`what the migration has on ${where} is left: ${(error as Error).message}`];
  } finally {
    end.agent?.close();
  }
}

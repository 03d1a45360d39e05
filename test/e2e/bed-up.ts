import { down, mustIn, up, whatIsMissing } from '../../bed/bed.ts';

/** Brings the bed up with this checkout's agent image, and leaves it up or down as it was before. */
export async function setup(): Promise<() => Promise<void>> {
  const wasUp = (await whatIsMissing()) === undefined;
  const bringUp = async (): Promise<void> => {
    await up((line) => process.stderr.write(`bed: ${line}\n`));
  };
  await bringUp();
  await mustIn(['kubectl', '-n', 'demo', 'delete', 'pods', '--all', '--grace-period=1']);
  return async () => {
    await (wasUp ? bringUp() : down());
  };
}

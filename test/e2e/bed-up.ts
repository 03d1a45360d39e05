import { loadImage, mustIn, up, whatIsMissing, down } from '../../bed/bed.ts';
import { buildAgentImage } from '../../image/agent-image.ts';

/** Brings the bed up with this checkout's agent image; takes it down again if it was not there before. */
export async function setup(): Promise<() => Promise<void>> {
  const wasUp = (await whatIsMissing()) === undefined;
  await up((line) => process.stderr.write(`bed: ${line}\n`));
  await loadImage(await buildAgentImage());
  await mustIn(['kubectl', '-n', 'demo', 'delete', 'pods', '--all', '--grace-period=1']);
  return async () => {
    if (!wasUp) await down();
  };
}

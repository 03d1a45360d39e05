import { MigrateError } from '../../errors.ts';
import { outageFindings } from '../../preflight/owner.ts';
import { podFindings } from '../../preflight/pod.ts';
import type { MigrationReport, MigrationRequest } from '../contract.ts';
import type { StepRunner } from '../step-runner.ts';
import { cleanup } from '../steps/cleanup.ts';
import { cutover } from '../steps/cutover/cutover.ts';
import type { TimelineRecorder } from '../timeline.ts';
import type { Inherited } from './take-over.ts';

/**
 * Brings a committed migration to its end in the place of the command that began it.
 *
 * @throws MigrateError: `in-doubt` as the cutover does, `refused` when it has led to another peer than the one that is asked for
 */
export async function finish(
  { underway, remote }: Inherited,
  request: MigrationRequest,
  runner: StepRunner,
  timeline: TimelineRecorder,
): Promise<MigrationReport> {
  const { move, target } = underway;
  // The pod runs at the peer: there is only forward, whatever the user presses.
  runner.ignoreStop();
  const committed = { underway, remote, isFirst: false };
  const left = await runner.run(cutover, committed);
  const cleaned = await runner.run(cleanup, committed);
  const { virtualNode, clusterId } = move.peer;
  if (request.to !== virtualNode && request.to !== clusterId) {
    const { name, namespace } = move.pod.metadata;
    throw new MigrateError(
      'refused',
      `pod ${namespace}/${name} had been moved to ${virtualNode} by migration ${move.id}, which is finished now`,
    );
  }
  return {
    pod: request.pod,
    namespace: request.namespace,
    from: move.sourceNode ?? '',
    to: virtualNode,
    node: target.node ?? '',
    frozenMs: null,
    totalMs: Math.round(runner.totalMs),
    bytes: 0,
    steps: runner.steps,
    findings: [...podFindings(move.pod), ...outageFindings(move.pod, move.toleratesOutages)].filter(({ effect }) => effect !== 'blocks'),
    notes: [`another command had moved it (migration ${move.id}); this one has finished that`, ...left.notes, ...cleaned.notes],
    timeline: timeline.timeline,
  };
}

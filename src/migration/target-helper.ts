import { MigrateError } from '../errors.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/types.ts';
import { finding } from '../preflight/finding.ts';
import { refusal } from '../preflight/refusal.ts';
import { removePod, startHelper } from './start-helper.ts';
import { targetHelper } from './helper-pods.ts';
import { otherImages, pinsNeeded, type Pins } from './images.ts';
import type { Plan } from './plan.ts';
import type { UndoList } from './undo.ts';

/**
 * Starts the helper at the peer, with the very images on its node that the pod runs. First by the references that the
 * user wrote; where those are not the same there, by the digest that the source runs.
 *
 * @throws MigrateError (refused) when an image cannot be had there, or only another one of the same name
 */
export async function startTargetHelper(
  home: KubeConnection,
  plan: Plan & { readonly id: string },
  agentImage: string,
  undo: UndoList,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<{ pod: Pod; pins: Pins }> {
  let pins: Pins = new Map<string, string>();
  for (let attempt = 1; ; attempt++) {
    const wanted = targetHelper(plan, plan.id, agentImage, pins);
    if (attempt > 1) wanted.metadata.name = `${wanted.metadata.name}-${attempt}`;
    const path = `/api/v1/namespaces/${plan.report.namespace}/pods/${wanted.metadata.name}`;
    const started = await startHelper(home, wanted, undo, signal).catch((error: unknown) => error as Error);
    signal.throwIfAborted();
    const seen = started instanceof Error ? await home.get<Pod>(path, signal).catch(() => undefined) : started;
    const more = seen ? pinsNeeded(plan.pod, seen, pins) : new Map<string, string>();
    if (more.size === 0) return { pod: requireImages(plan, started, pins), pins };
    say(`pulling ${[...more.values()].join(', ')} at ${plan.peer.virtualNode}: the tag is another image there`);
    pins = new Map([...pins, ...more]);
    await removePod(home, path);
  }
}

function requireImages(plan: Plan, started: Pod | Error, pins: Pins): Pod {
  if (started instanceof Error && (pins.size === 0 || (started instanceof MigrateError && started.kind === 'refused'))) throw started;
  const what = `pod ${plan.report.namespace}/${plan.report.pod}`;
  if (started instanceof Error)
    throw refusal(what, [finding('KM-IMAGE', { kind: 'pod', name: plan.report.pod }, started.message)], started);
  const others = otherImages(plan.pod, started, pins);
  if (others.length > 0) throw refusal(what, others);
  return started;
}

import { MigrateError } from '../../errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import { finding } from '../../preflight/finding.ts';
import { refusal } from '../../preflight/refusal.ts';
import type { Ground } from '../underway.ts';
import { otherImages, pinsNeeded, type Pins } from './images.ts';
import { targetHelper } from './pods.ts';
import { startHelper } from './start.ts';

/**
 * Starts the helper at the peer, with the very images on its node that the pod runs. First by the references that the
 * user wrote; where those are not the same there, by the digest that the source runs.
 *
 * @throws MigrateError (refused) when an image cannot be had there, or only another one of the same name
 */
export async function startTargetHelper(
  ground: Ground,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<{ pod: Pod; pins: Pins }> {
  const {
    clusters: { home },
    move,
    made,
  } = ground;
  let pins: Pins = new Map<string, string>();
  for (let attempt = 1; ; attempt++) {
    const wanted = targetHelper(move, pins);
    if (attempt > 1) wanted.metadata.name = `${wanted.metadata.name}-${attempt}`;
    const path = `${podsIn(move.pod.metadata.namespace ?? '')}/${wanted.metadata.name}`;
    const started = await startHelper(ground, wanted, signal).catch((error: unknown) => error as Error);
    signal.throwIfAborted();
    const seen = started instanceof Error ? await home.get<Pod>(path, signal).catch(() => undefined) : started;
    const more = seen ? pinsNeeded(move.pod, seen, pins) : new Map<string, string>();
    if (more.size === 0) return { pod: requireImages(move.pod, started, pins), pins };
    say(`pulling ${[...more.values()].join(', ')} at ${move.peer.virtualNode}: the tag is another image there`);
    pins = new Map([...pins, ...more]);
    for (const one of made.objectsAt('home')) if (one.path === path) await made.remove(one);
  }
}

function requireImages(pod: Pod, started: Pod | Error, pins: Pins): Pod {
  if (started instanceof Error && (pins.size === 0 || (started instanceof MigrateError && started.kind === 'refused'))) throw started;
  const { name, namespace } = pod.metadata;
  const what = `pod ${namespace}/${name}`;
  if (started instanceof Error) throw refusal(what, [finding('KM-IMAGE', { kind: 'pod', name }, started.message)], started);
  const others = otherImages(pod, started, pins);
  if (others.length > 0) throw refusal(what, others);
  return started;
}

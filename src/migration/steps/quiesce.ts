import { endpointsIn, servicesIn } from '../../kube/paths.ts';
import { checkedQuiet, type Quiet } from '../../protocol/checked-quiet.ts';
import { Drain, putBack } from '../../quiesce/drain.ts';
import { attempt } from '../attempt.ts';
import { lastLook } from '../last-look.ts';
import type { Move } from '../plan.ts';
import type { Step, StepContext } from '../step.ts';
import type { Underway } from '../underway.ts';
import type { Write } from '../write.ts';
import type { Standby } from './standby.ts';

/** What an agent may take beyond the time that it was given. */
const afterLimitMs = 10_000;

/**
 * Keeps new requests away from the pod, and waits until those that it has are done. The last thing before the freeze: as long as its
 * address is out of its Endpoints, requests wait for it, or other instances have more to do. When the time is up the move goes on, and
 * tells how many it has cut off: a client that holds a request open could keep a pod where it is for ever otherwise.
 */
export const quiesce: Step<Standby, Standby & { readonly notes: readonly string[] }> = { name: 'quiesce', writes, run, undo };

function writes({ pod, quiesce }: Move): Write[] {
  if (!quiesce) return [];
  const { namespace = '' } = pod.metadata;
  return [
    { verb: 'patch', at: 'home', path: `${endpointsIn(namespace)}/${quiesce.endpoints}` },
    { verb: 'patch', at: 'home', path: `${servicesIn(namespace)}/${quiesce.endpoints}` },
  ];
}

async function run(standby: Standby, { progress: say, signal }: StepContext): Promise<Standby & { notes: string[] }> {
  const { plan, home, source, underway } = standby;
  const { namespace = '', uid = '' } = plan.pod.metadata;
  if (!plan.quiesce) throw new Error('nobody has asked for it');
  const { endpoints, limitMs } = plan.quiesce;
  say(`taking its address out of Endpoints ${endpoints}`);
  underway.made.drained(endpoints);
  underway.draining = await Drain.begin(home, { namespace, endpoints, uid }, signal);
  say('waiting until no request is in flight');
  const asked = source.call('source.quiesce', { address: plan.pod.status?.podIP ?? '', limitMs }, limitMs + afterLimitMs);
  const quiet = checkedQuiet(await Promise.race([asked, rejectedBy(signal)]));
  const { failures } = underway.draining;
  const back = failures.map((failure) => `new requests may have come to it before it was frozen: ${failure}`);
  return { ...standby, budget: await lastLook(standby, signal), notes: [...notesOf(quiet, limitMs), ...back] };
}

function notesOf({ isSilent, inFlight, trouble }: Quiet, limitMs: number): string[] {
  if (isSilent) return [];
  const time = `after ${limitMs / 1000} s it was frozen all the same`;
  if (!inFlight || trouble !== null)
    return [`whether it had requests in flight is not known (${trouble ?? 'it was not told for long enough'}); ${time}`];
  return [`requests were in flight yet, about ${Math.ceil(inFlight)}, whose clients get no answer; ${time}`];
}

async function rejectedBy(signal: AbortSignal): Promise<never> {
  return await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    if (signal.aborted) reject(signal.reason as Error);
  });
}

/** @returns which Endpoints may still be without the pod's address */
async function undo({ made, move, clusters: { home }, draining }: Underway): Promise<string[]> {
  await draining?.stop();
  const { namespace = '' } = move.pod.metadata;
  const failures: string[] = [];
  for (const drain of made.drains) {
    const { endpoints } = drain;
    const back = async (): Promise<void> => putBack(home, { namespace, endpoints }).then(() => made.refilled(drain));
    failures.push(...(await attempt(`the pod's address in Endpoints ${namespace}/${endpoints}`, back)));
  }
  return failures;
}

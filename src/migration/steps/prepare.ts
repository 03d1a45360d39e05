import { randomBytes } from 'node:crypto';
import { MigrateError } from '../../errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import { checkedFacts, checkedInspection } from '../../protocol/checked-inspection.ts';
import { attempt } from '../attempt.ts';
import type { Endpoint, Started } from '../endpoint/endpoint.ts';
import { sourceHelper, targetHelper } from '../helpers/pods.ts';
import { reachDirectly, reachThrough } from '../peer-connection.ts';
import type { Move, UnblockedPlan } from '../plan.ts';
import { podOnNode } from '../pod-on-node.ts';
import type { Prepared } from '../prepared.ts';
import type { Step, StepContext } from '../step.ts';
import { together } from '../together.ts';
import type { Underway } from '../underway.ts';
import { requireWithinBudget } from '../within-budget.ts';
import { creation } from '../write.ts';
import { requireFit } from './fit.ts';

interface Begun {
  readonly plan: UnblockedPlan;
  readonly underway: Underway;
}

/**
 * Makes the helper pods, has both agents look at their node and at the processes, and joins them. The source's agent takes the
 * pod's claim: from then on no other migration of that pod gets any further.
 *
 * @throws MigrateError (refused) when they find what makes a checkpoint or a restore impossible
 */
export const prepare: Step<Begun, Prepared> = {
  name: 'prepare',
  writes: (move) => helpersOf(move).map((helper) => creation('home', podsIn(move.pod.metadata.namespace ?? ''), helper)),
  run,
  undo: removeHelpers,
};

/** Last of all, as by them the same command finds what is left to be taken back. @returns which are left */
async function removeHelpers({ made }: Underway): Promise<string[]> {
  const failures: string[] = [];
  for (const one of made.objectsAt('home')) failures.push(...(await attempt(one.what, async () => made.remove(one))));
  return failures;
}

/** Both helpers, as they are first tried: which images have another meaning at the peer shows only when they are pulled. */
export function helpersOf(move: Move): Pod[] {
  const { sourceNode } = move;
  return [...(sourceNode === undefined ? [] : [sourceHelper({ ...move, sourceNode })]), targetHelper(move, new Map())];
}

async function run({ plan, underway }: Begun, { progress: say, onEvent, signal }: StepContext): Promise<Prepared> {
  const { home } = underway.clusters;
  const pod = podOnNode(plan);
  const start = async (end: Endpoint, stop: AbortSignal): Promise<Started> => {
    const started = await end.startAgent(say, stop);
    started.agent.listen((event) => {
      if (event.type !== 'bytes' && event.type !== 'span') onEvent({ type: 'log', message: `${end.role}: ${JSON.stringify(event)}` });
    });
    return started;
  };
  say('starting the helper pods');
  const [{ source, inspection }, { agent: target, helper: targetPod, pins }] = await together(
    signal,
    async (stop) => {
      const { agent } = await start(underway.source, stop);
      underway.made.onNode('source');
      const inspection = checkedInspection(await agent.call('source.inspect', { ...pod, to: plan.peer.virtualNode }, 60_000));
      return { source: agent, inspection };
    },
    async (stop) => start(underway.target, stop),
  );

  say('looking at both nodes');
  const remote = (await reachDirectly(home, plan.peer, signal)) ?? (await reachThrough(home, plan.peer, source.pod, signal));
  underway.clusters.peer = remote;
  const twin = await remote.get<Pod>(`${podsIn(plan.twinNamespace)}/${targetPod.metadata.name}`, signal);
  const targetNode = twin.spec.nodeName;
  if (targetNode === undefined) throw new MigrateError('failed', `helper pod ${targetPod.metadata.name} runs on no node of the peer`);
  underway.target.node = targetNode;
  underway.made.onNode('target');
  const there = checkedFacts((await target.call('target.inspect', null, 60_000)).facts);
  const told = await requireFit(home, plan, remote, { inspection, helper: targetPod }, { facts: there, helper: twin }, signal);
  requireWithinBudget(plan.pod, plan.budget, inspection);

  say('joining the agents');
  const key = randomBytes(32).toString('base64');
  const { port } = await target.call('target.listen', { key, containers: pod.containers.map(({ name }) => name) }, 10_000);
  await source.call('source.connect', { host: targetPod.status?.podIP ?? '', port, key }, 20_000);
  return {
    plan,
    underway,
    home,
    remote,
    source,
    target,
    targetNode,
    targetTwin: twin,
    pins,
    inspection: { ...inspection, findings: told },
  };
}

import { agentImage } from '../../src/cli/agent-image.ts';
import { openConnection } from '../../src/kube/connection.ts';
import { carryOut } from '../../src/migration/engine.ts';
import type { UnblockedPlan } from '../../src/migration/plan.ts';
import { StepRunner } from '../../src/migration/step-runner.ts';
import { makePlan, requireUnblocked } from '../../src/migration/steps/plan.ts';
import { begin } from '../../src/migration/underway.ts';
import { TimelineRecorder } from '../../src/migration/timeline.ts';

/** What the program prints. */
export interface CarriedOut {
  readonly plan: UnblockedPlan;
  readonly node: string;
  readonly frozenMs: number | null;
  /** All requests that were answered, `POST HOST /api/…`, of which none was only tried. */
  readonly requests: readonly string[];
  /** The host of the home cluster's API server. */
  readonly home: string;
}

/** `node test/e2e/carry-out.ts POD`: plans the move of a pod of the namespace demo to `away`, and carries out what is left of that in text. */
async function main(pod: string): Promise<CarriedOut> {
  const requests: string[] = [];
  const connection = await openConnection({ namespace: 'demo' }, ({ method, url }) => {
    const { host, pathname, searchParams } = new URL(url);
    if (searchParams.get('dryRun') === null) requests.push(`${method} ${host} ${pathname}`);
  });
  const { signal } = new AbortController();
  const request = { connection, namespace: 'demo', pod, to: 'away', agentImage };
  const text = JSON.stringify(requireUnblocked(await makePlan(request, 'cafe0001', signal)));
  requests.length = 0;
  const plan = JSON.parse(text) as UnblockedPlan;
  const timeline = new TimelineRecorder(() => undefined);
  const runner = new StepRunner(() => undefined, timeline, signal);
  const { node, frozenMs } = await carryOut(plan, begin(plan, connection), { runner, timeline });
  connection.close();
  return { plan, node, frozenMs, requests, home: connection.server.host };
}

process.stdout.write(JSON.stringify(await main(process.argv[2] ?? '')));

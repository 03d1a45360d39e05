import { eventLines } from '../cli/event-lines.ts';
import { onInterruption, stopped } from '../cli/interruption.ts';
import { podAlone, type MigrateArguments } from '../cli/migrate-arguments.ts';
import { movedResult } from '../cli/moved-result.ts';
import { render } from '../cli/output/render.ts';
import { escapeControls } from '../cli/escape.ts';
import { planText } from '../cli/report.ts';
import type { Streams } from '../cli/command.ts';
import { exchangeTeller } from '../cli/verbosity.ts';
import { readDeadlineFactor, setDeadlineFactor } from '../deadlines.ts';
import { MigrateError } from '../errors.ts';
import { openConnection } from '../kube/connection.ts';
import type { MigrationRequest } from '../migration/contract.ts';
import { blockersAmong } from '../preflight/finding.ts';
import { movePod, type Voice } from './move-pod.ts';

/** `kubectl migrate POD... --to CLUSTER`. @throws MigrateError and KubeError; nothing is printed for them here */
export async function migrateCommand(args: MigrateArguments, streams: Streams): Promise<void> {
  setDeadlineFactor(deadlineFactorOf(process.env));
  const voice: Voice = { say: (message) => void streams.err.write(`${message}\n`) };
  const connection = await openConnection(
    args.connection,
    exchangeTeller(args.verbosity, (line) => voice.say(line), streams.err),
  );
  const shared = Object.freeze({
    connection,
    namespace: connection.namespace,
    to: args.to,
    agentImage: args.agentImage,
    ...(args.maxFreezeMs === undefined ? {} : { maxFreezeMs: args.maxFreezeMs }),
    ...(args.toleratesOutages ? { toleratesOutages: true } : {}),
    ...(args.quiesceMs === undefined ? {} : { quiesceMs: args.quiesceMs }),
  });
  try {
    const pod = podAlone(args.wanted);
    const isDry = args.dryRun !== 'none';
    if (pod === undefined) {
      const { dryRunOfSeveral, migrateSeveral } = await import('./migrate-several.ts');
      await (isDry ? dryRunOfSeveral : migrateSeveral)(shared, args, streams, voice);
    } else await (isDry ? dryRun : run)({ ...shared, pod }, args, streams, voice);
  } finally {
    connection.close();
  }
}

/** @throws MigrateError (usage) */
function deadlineFactorOf(env: NodeJS.ProcessEnv): number {
  const text = env['KUBECTL_MIGRATE_DEADLINE_FACTOR'];
  if (text === undefined || text === '') return 1;
  const factor = readDeadlineFactor(text);
  if (factor === undefined)
    throw new MigrateError('usage', `error: KUBECTL_MIGRATE_DEADLINE_FACTOR must be a number from 1 to 100, not "${text}"`);
  return factor;
}

async function dryRun(request: MigrationRequest, args: MigrateArguments, { out, err }: Streams): Promise<void> {
  const { plan, dryRun } = await import('../migration/engine.ts');
  // Nothing is touched, so there is nothing to roll back: the first Ctrl-C is enough.
  const { signal, release } = onInterruption(err, () => undefined);
  try {
    const report = await (args.dryRun === 'server' ? dryRun : plan)(request, signal);
    out.write(await render(args.output, { data: report, names: [`pod/${report.pod}`], text: () => planText(report) }));
    const findings = blockersAmong(report.findings);
    if (findings.length > 0)
      throw new MigrateError('refused', `pod ${report.namespace}/${report.pod} cannot be migrated as it is`, { findings });
  } catch (error) {
    throw stopped(error, signal);
  } finally {
    release();
  }
}

async function run(request: MigrationRequest, args: MigrateArguments, { out, err }: Streams, voice: Voice): Promise<void> {
  let isCommitted = false;
  const { signal, release } = onInterruption(
    err,
    (message) => voice.say(message),
    () => isCommitted,
  );
  const events = args.isEvents ? eventLines(out) : undefined;
  const onCommitted = (is: boolean): void => void (isCommitted = is);
  try {
    const report = await movePod(request, { err, verbosity: args.verbosity, voice, events, onCommitted }, signal);
    if (events) events.result(report);
    else out.write(await render(args.output, movedResult(report)));
    // The pod has moved, whatever becomes of its picture.
    await args.timeline
      ?.write(report, err)
      .catch((error: unknown) => err.write(`note: the timeline was not written: ${escapeControls((error as Error).message)}\n`));
  } catch (error) {
    events?.error(error);
    throw error;
  } finally {
    release();
  }
}

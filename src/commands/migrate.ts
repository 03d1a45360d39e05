import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import type { Arguments } from '../cli/flags.ts';
import { listedProgress, plainProgress } from '../cli/progress.ts';
import { lastLine, planText } from '../cli/report.ts';
import { MigrateError } from '../errors.ts';
import { openConnection } from '../kube/connection.ts';
import type { MigrationRequest, OnEvent } from '../migration/contract.ts';
import { migrate, plan } from '../migration/engine.ts';

/** `kubectl migrate POD --to CLUSTER`. @throws MigrateError and KubeError; nothing is printed for them here */
export async function migrateCommand(args: Arguments, out: NodeJS.WriteStream, err: NodeJS.WriteStream): Promise<void> {
  const connection = await openConnection(args.connection);
  const request: MigrationRequest = Object.freeze({ connection, namespace: connection.namespace, pod: args.pod, to: args.to, agentImage: args.agentImage });
  const { signal, release } = stopOnSignals(err);
  try {
    if (args.isDryRun) {
      const report = await plan(request, signal);
      out.write(args.output === 'json' ? `${JSON.stringify(report)}\n` : planText(report));
      if (report.blocks.length > 0) throw new MigrateError('refused', `pod ${report.namespace}/${report.pod} cannot be moved`);
      return;
    }
    await run(request, args, out, err, signal);
  } finally {
    release();
    connection.close();
  }
}

async function run(request: MigrationRequest, args: Arguments, out: NodeJS.WriteStream, err: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  const progress = err.isTTY && process.env['TERM'] !== 'dumb' && !process.env['CI'] ? listedProgress(err) : plainProgress(err);
  const log = openLog(request);
  const onEvent: OnEvent = (event) => {
    log.write(event);
    progress.onEvent(event);
  };
  try {
    const report = await migrate(request, onEvent, signal);
    await progress.end();
    for (const note of report.notes) err.write(`note: ${note}\n`);
    err.write(`${lastLine(report)}\n`);
    out.write(args.output === 'json' ? `${JSON.stringify(report)}\n` : `pod/${report.pod} migrated\n`);
    await log.remove();
  } catch (error) {
    await progress.end();
    log.write({ type: 'log', message: String(error instanceof Error ? error.stack : error) });
    if (!(error instanceof MigrateError && (error.kind === 'usage' || error.kind === 'refused'))) err.write(`log: ${log.file}\n`);
    else await log.remove();
    throw error;
  }
}

/** The whole story as JSON lines; kept only when something failed. It never holds keys or kubeconfigs. */
function openLog({ namespace, pod }: MigrationRequest): { file: string; write: OnEvent; remove: () => Promise<void> } {
  const file = join(tmpdir(), `kubectl-migrate-${namespace}-${pod}-${new Date().toISOString().replace(/[:.]/g, '-')}.log`);
  const stream = createWriteStream(file, { mode: 0o600 });
  return {
    file,
    write: (event) => void stream.write(`${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`),
    remove: async () => {
      stream.end();
      await rm(file, { force: true });
    },
  };
}

/** The first Ctrl-C takes everything back, the second one leaves at once and says what may be left. */
function stopOnSignals(err: NodeJS.WriteStream): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      err.write('left at once; what may be left: kubectl get pods -A -l app.kubernetes.io/managed-by=kubectl-migrate\n');
      process.exit(130);
    }
    err.write('stopping; again to leave at once\n');
    controller.abort(new Error('stopped by the user'));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}

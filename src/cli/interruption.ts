import { MigrateError } from '../errors.ts';

const leftovers = 'kubectl get pods,secrets,shadowpods -A -l app.kubernetes.io/managed-by=kubectl-migrate';
/** npm, make and the like hand a Ctrl-C on that the terminal has sent to all of them: it then comes twice at once. */
const echoMs = 500;
const showCursor = '\u001B[?25h';

export interface Interruption {
  /** Fires at the first Ctrl-C: everything is to be rolled back. */
  readonly signal: AbortSignal;
  /** Leaves signals to the process again. */
  readonly release: () => void;
}

/**
 * Listens for SIGINT, SIGTERM and SIGHUP. A second one, if it is no echo of the first, ends the process at once,
 * whatever it is doing, and says what may be left. Call it before anything draws on `err`.
 *
 * @param say tells the user that the first one was understood
 * @param isTooLate whether there is nothing to be rolled back any more
 */
export function onInterruption(
  err: NodeJS.WriteStream,
  say: (message: string) => void,
  isTooLate: () => boolean = () => false,
): Interruption {
  const controller = new AbortController();
  let firstAt = 0;
  // What draws on the stream puts itself before it, so what writes at the very end is taken before that.
  const write = err.write.bind(err);
  const onSignal = (): void => {
    if (!controller.signal.aborted) {
      const words = isTooLate() ? 'the pod runs at the peer already: coming to the end' : 'stopping, and taking back what was done';
      say(`${words}; once more to leave at once`);
      firstAt = performance.now();
      controller.abort(new Error('stopped by the user'));
      return;
    }
    if (performance.now() - firstAt < echoMs) return;
    write(
      `${err.isTTY ? `\n${showCursor}` : ''}left at once. The same command again finishes it or takes it back. What may be left behind, here and at the peer: ${leftovers}\n`,
    );
    process.exit(130);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}

/** What to tell of an error: whatever came of it that the user has stopped the command is told as that. */
export function stopped(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? new MigrateError('interrupted', 'stopped', { cause: error }) : error;
}

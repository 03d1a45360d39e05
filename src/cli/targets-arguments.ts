import type { ConnectionFlags } from '../kube/connection-flags.ts';
import type { CommandLine } from './command-line.ts';
import { connectionOf, truth } from './connection-arguments.ts';
import { outputOf, type Output } from './output/output.ts';
import { verbosityOf } from './verbosity.ts';

/** `kubectl migrate targets`, understood. */
export interface TargetsArguments {
  readonly output: Output;
  readonly hasHeaders: boolean;
  readonly verbosity: number;
  readonly connection: ConnectionFlags;
}

/** @throws MigrateError (usage), worded as kubectl words it */
export function targetsArguments(line: CommandLine): TargetsArguments {
  const { words, last, refuse } = line;
  if (words.length > 0) refuse(`unexpected arguments: ${words.join(' ')}`);
  return Object.freeze({
    output: outputOf(last('output'), refuse),
    hasHeaders: truth('no-headers', last('no-headers'), refuse) !== true,
    verbosity: verbosityOf(line),
    connection: connectionOf(line),
  });
}

import { inspect } from 'node:util';
import { MigrateError } from '../errors.ts';
import { escapeControls } from './escape.ts';

/** Ways in which kubectl begins a message of its server; it puts no `error:` before them. */
const serverWords = /^(Error from server|Unable to connect to the server|The connection to the server|The .+ is invalid: )/;

/** What the user is told of an error: one line, and what to do about it. The whole story only with DEBUG. */
export function errorText(error: unknown, env: NodeJS.ProcessEnv): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.startsWith('error: ') || serverWords.test(message) ? message : `error: ${message}`;
  const hint = error instanceof MigrateError && error.hint !== undefined ? `${error.hint}\n` : '';
  return `${escapeControls(`${line}\n${hint}`)}${env['DEBUG'] ? `${inspect(error)}\n` : ''}`;
}

export function exitCodeOf(error: unknown): number {
  return error instanceof MigrateError ? error.exitCode : 1;
}

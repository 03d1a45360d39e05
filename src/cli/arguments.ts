import yargs from 'yargs';
import { MigrateError } from '../errors.ts';
import type { ConnectionFlags } from '../kube/connection-flags.ts';
import { agentImage } from './agent-image.ts';
import { closest } from './closest.ts';
import { connectionOf, type Given } from './connection-arguments.ts';
import { allFlags } from './flags.ts';
import { plainWords } from './words.ts';

/** `kubectl migrate POD --to CLUSTER`, understood. */
export interface MigrateArguments {
  readonly verb: 'migrate';
  readonly pod: string;
  readonly to: string;
  readonly isDryRun: boolean;
  readonly output: 'text' | 'json';
  readonly agentImage: string;
  readonly connection: ConnectionFlags;
}

export type Arguments = MigrateArguments | { readonly verb: 'help' } | { readonly verb: 'version' };

/**
 * Understands a command line.
 *
 * @throws MigrateError (usage), worded as kubectl words it
 */
export async function parseArguments(words: readonly string[]): Promise<Arguments> {
  const found = await read(words);
  const given: Given = (name) => [found[name] ?? []].flat().map(String);
  const last = (name: string): string => given(name).at(-1) ?? '';
  if (last('help') === 'true' || words.length === 0) return { verb: 'help' };
  if (last('version') === 'true') return { verb: 'version' };
  const pod = podName(found._.map(String));
  const to = last('to') || refuse('the cluster to move the pod to is required: --to CLUSTER');
  return Object.freeze({
    verb: 'migrate',
    pod,
    to,
    isDryRun: isDryRun(last('dry-run')),
    output: outputOf(last('output')),
    agentImage: last('agent-image') || agentImage,
    connection: connectionOf(given, refuse),
  });
}

async function read(words: readonly string[]): Promise<Record<string, unknown> & { _: (string | number)[] }> {
  const parser = yargs()
    .locale('en')
    .help(false)
    .version(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .strictOptions()
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-positional-numbers': false,
    })
    .fail((message, error) => unknownFlag((message ?? error?.message ?? '').replace(/^Unknown arguments?: /, '')))
    .options(Object.fromEntries(allFlags.map(({ name }) => [name, { type: 'string' as const }])));
  return await parser.parseAsync(plainWords(words, refuse));
}

/** @param message names of flags as the parser tells them, of which the first counts */
function unknownFlag(message: string): never {
  const name = message.split(', ')[0] ?? '';
  const meant = closest(
    name,
    allFlags.map((flag) => flag.name),
  );
  return refuse(name.length === 1 ? `unknown shorthand flag: '${name}'` : `unknown flag: --${name}`, meant && `Did you mean --${meant}?`);
}

function refuse(message: string, suggestion?: string): never {
  const usage = "See 'kubectl migrate --help' for usage.";
  throw new MigrateError('usage', `error: ${message}`, { hint: suggestion ? `${suggestion} ${usage}` : usage });
}

/** `web-0`, `pod/web-0`, `pods/web-0`, or the two words `pod web-0`. */
function podName(words: readonly string[]): string {
  if (words.length === 0) return refuse('a pod is required: kubectl migrate POD --to CLUSTER');
  const isPair = words.length === 2 && isKind(words[0]);
  if (words.length > 1 && !isPair) return refuse(`one pod at a time can be moved, not ${words.length}: ${words.join(' ')}`);
  const [name = '', kind = 'pod', ...more] = isPair ? [words[1]] : (words[0] ?? '').split('/').toReversed();
  if (!isKind(kind)) return refuse(`only pods can be moved, not "${words[0]}"`);
  if (more.length > 0 || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) return refuse(`"${words.join(' ')}" is not the name of a pod`);
  return name;
}

function isKind(word: string | undefined): boolean {
  return ['pod', 'pods', 'po'].includes(word?.toLowerCase() ?? '');
}

function isDryRun(value: string): boolean {
  if (value === '' || value === 'none') return false;
  return value === 'client' || refuse(`Invalid dry-run value (${value}). Must be "none" or "client".`);
}

function outputOf(value: string): 'text' | 'json' {
  if (value === '') return 'text';
  return value === 'json' ? 'json' : refuse(`unable to match a printer suitable for the output format "${value}", allowed formats are: json`);
}

/** What containerd or CRI-O asks of the runtime when it has a container created. */
export interface CreateCall {
  /** The bundle's path on the node. */
  readonly bundle: string;
  /** Where the process ID of the container's first process is expected. */
  readonly pidFile: string | undefined;
  /** The same call as a restore, with the runtime's global flags as they came. @param options of `restore` */
  readonly asRestore: (options: readonly string[]) => string[];
}

/**
 * @param words the whole call, from the runtime's name on: `runc --root R create --bundle B --pid-file P ID`
 * @param verb index of `create` in it
 * @throws Error when it names no bundle
 */
export function readCreateCall(words: readonly string[], verb: number): CreateCall {
  const bundle = optionOf(words, verb, ['bundle', 'b']);
  if (bundle?.startsWith('/') !== true) throw new Error('the runtime was asked to create a container without saying where its bundle is');
  const console = optionOf(words, verb, ['console-socket']);
  const id = words.at(-1) ?? '';
  return {
    bundle,
    pidFile: optionOf(words, verb, ['pid-file']),
    asRestore: (options) => [
      ...words.slice(0, verb),
      'restore',
      ...options,
      '--bundle',
      bundle,
      ...(console === undefined ? [] : ['--console-socket', console]),
      id,
    ],
  };
}

/** The value of an option, as `--name value`, `--name=value`, or with one dash: both are the same to runc. */
function optionOf(words: readonly string[], verb: number, names: readonly string[]): string | undefined {
  for (let index = words.length - 1; index > verb; index--) {
    const [, name = '', value] = /^--?([^=]+)(?:=(.*))?$/.exec(words[index] ?? '') ?? [];
    if (names.includes(name)) return value ?? words[index + 1];
  }
  return undefined;
}

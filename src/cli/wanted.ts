import { didYouMean } from '../did-you-mean.ts';
import type { Wanted } from '../migration/select.ts';
import type { Refuse } from './command.ts';

/** A kind of objects by which pods can be asked for. */
export interface Kind {
  readonly kind: Exclude<Wanted['kind'], 'selector'>;
  /** What it is called here, and what else kubectl understands for it. */
  readonly word: string;
  readonly others: readonly string[];
  /** With which any of those may be completed behind a dot: `deployments.apps`, `deployment.v1.apps`. */
  readonly group: string;
}

export const kinds: readonly Kind[] = [
  { kind: 'Pod', word: 'pod', others: ['pods', 'po'], group: '' },
  { kind: 'Deployment', word: 'deployment', others: ['deployments', 'deploy'], group: 'apps' },
  { kind: 'StatefulSet', word: 'statefulset', others: ['statefulsets', 'sts'], group: 'apps' },
  { kind: 'ReplicaSet', word: 'replicaset', others: ['replicasets', 'rs'], group: 'apps' },
  { kind: 'ReplicationController', word: 'replicationcontroller', others: ['replicationcontrollers', 'rc'], group: '' },
  { kind: 'Job', word: 'job', others: ['jobs'], group: 'batch' },
  { kind: 'KnativeService', word: 'ksvc', others: ['kservice'], group: 'serving.knative.dev' },
];

/** What a word of kubectl's for a kind of objects stands for; undefined for any other word. */
export function kindOf(word: string | undefined): Kind | undefined {
  const [, plain = '', , group] = /^([^.]*)(?:\.(v1)(?=\.))?(?:\.(.+))?$/.exec(word?.toLowerCase() ?? '') ?? [];
  // Without their group these are Kubernetes' own, which keep no pods.
  const isKnative = group === 'serving.knative.dev' && ['service', 'services'].includes(plain);
  return kinds.find(
    (one) =>
      (isKnative && one.kind === 'KnativeService') ||
      ([one.word, ...one.others].includes(plain) && (group === undefined || (group === one.group && group !== ''))),
  );
}

/**
 * What is to be moved: `web-0`, `pod/web-0 deploy/web`, `pod web-0`, `deployment web shop`, or a selector. As in `kubectl logs`, a
 * name alone is a pod's.
 */
export function wantedOf(words: readonly string[], selector: string | undefined, refuse: Refuse): readonly Wanted[] {
  if (selector !== undefined) return [{ kind: 'selector', selector: requirePodsAlone(selector, words, refuse) }];
  if (words.length === 0) return refuse('a pod is required: kubectl migrate POD --to CLUSTER');
  const [first = '', ...names] = words;
  const kind = kindOf(first);
  const wanted = kind ? namesOf(kind, first, names, refuse) : words.map((word) => wantedBy(word, refuse));
  return wanted.filter((one, index) => wanted.findIndex((other) => other.kind === one.kind && other.name === one.name) === index);
}

type Named = Extract<Wanted, { readonly name: string }>;

function requirePodsAlone(selector: string, words: readonly string[], refuse: Refuse): string {
  const [word, ...names] = words;
  if (names.length > 0 || (word !== undefined && !kindOf(word))) return refuse('name cannot be provided when a selector is specified');
  if (word !== undefined && kindOf(word)?.kind !== 'Pod') return refuse(`a selector picks pods, not "${word}"`);
  return selector;
}

/** `deployment web shop`. */
function namesOf({ kind, word }: Kind, typed: string, names: readonly string[], refuse: Refuse): Named[] {
  if (names.length === 0) {
    return refuse(
      `${typed} was provided, but no name was specified`,
      `A pod of that name is moved by 'kubectl migrate pod/${typed} --to CLUSTER'.`,
    );
  }
  const slashed = names.find((name) => name.includes('/'));
  if (slashed !== undefined) {
    return refuse(
      "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl migrate pod/NAME' instead of 'kubectl migrate pod pod/NAME')",
    );
  }
  return names.map((name) => ({ kind, name: nameOf(name, word, `${typed} ${name}`, refuse) }));
}

/** `web-0`, `deploy/web`. */
function wantedBy(word: string, refuse: Refuse): Named {
  const [name = '', typed = 'pod', ...more] = word.split('/').toReversed();
  if (more.length > 0) return refuse(`arguments in resource/name form may not have more than one slash: "${word}"`);
  const kind = kindOf(typed);
  if (!kind) {
    const words = kinds.map((one) => one.word);
    const meant = didYouMean(typed, words);
    return refuse(`pods cannot be asked for by "${typed}", but by one of: ${words.join(', ')}`, meant && `Did you mean ${meant}/${name}?`);
  }
  return { kind: kind.kind, name: nameOf(name, kind.word, word, refuse) };
}

function nameOf(name: string, kind: string, typed: string, refuse: Refuse): string {
  return /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name) ? name : refuse(`"${typed}" is not the name of a ${kind}`);
}

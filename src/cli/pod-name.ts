import type { Refuse } from './command.ts';

/** `web-0`, `pod/web-0`, `pods/web-0`, or the two words `pod web-0`. */
export function podName(words: readonly string[], refuse: Refuse): string {
  if (words.length === 0) return refuse('a pod is required: kubectl migrate POD --to CLUSTER');
  const isPair = words.length === 2 && isPodKind(words[0]);
  if (words.length > 1 && !isPair) return refuse(`one pod at a time can be moved, not ${words.length}: ${words.join(' ')}`);
  const [name = '', kind = 'pod', ...more] = isPair ? [words[1]] : (words[0] ?? '').split('/').toReversed();
  if (!isPodKind(kind)) return refuse(`only pods can be moved, not "${words[0]}"`);
  if (more.length > 0 || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name))
    return refuse(`"${words.join(' ')}" is not the name of a pod`);
  return name;
}

export function isPodKind(word: string | undefined): boolean {
  return ['pod', 'pods', 'po'].includes(word?.toLowerCase() ?? '');
}

import { dump } from 'js-yaml';

/** A value as YAML in the layout of kubectl: two spaces, lists not indented, long lines not folded. */
export function yamlText(value: object): string {
  return dump(value, { indent: 2, seqNoIndent: true, lineWidth: -1, noRefs: true });
}

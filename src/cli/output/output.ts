import { didYouMean } from '../../did-you-mean.ts';
import type { Refuse } from '../command.ts';
import type { Flag } from '../flags.ts';
import { parseTemplate, type Part } from './jsonpath-template.ts';

const plainFormats = ['json', 'name', 'wide', 'yaml'] as const;
const templateFormats = ['jsonpath', 'jsonpath-as-json'] as const;
const formats = [...plainFormats, ...templateFormats].toSorted();

/** What each prints, for the reference. */
export const formatTexts: Readonly<Record<(typeof plainFormats)[number] | (typeof templateFormats)[number], string>> = {
  'json': 'one JSON object: the report of a migration, the plan of a dry run, or a list of several of them, or of targets, under `items`',
  'yaml': 'the same as YAML',
  'name': '`pod/web-0` for each pod that has moved, or would be moved; `node/milan` for each target',
  'wide': 'text with more columns',
  'jsonpath':
    "what a template picks out, in kubectl's dialect: `jsonpath='{.frozenMs}'`, `{range .steps[*]}{.name}{\"\\n\"}{end}`, `{.items[?(@.isReady==true)].name}`",
  'jsonpath-as-json': 'the same as JSON lists',
};

/** In which form a result is printed; without a wish, as text. */
export type Output =
  | { readonly format: 'text' | (typeof plainFormats)[number] }
  | { readonly format: (typeof templateFormats)[number]; readonly template: readonly Part[] };

export const outputFlag: Flag = {
  name: 'output',
  short: 'o',
  kind: 'string',
  default: '',
  values: [...plainFormats, ...templateFormats.map((format) => `${format}=`)],
  text: `Output format. One of: (${[...plainFormats, ...templateFormats].join(', ')}).`,
};

/** Understands `-o`. A template that cannot be parsed is refused here, before anything is done that it should print. */
export function outputOf(value: string | undefined, refuse: Refuse): Output {
  if (value === undefined) return { format: 'text' };
  const [, name = '', template] = /^([^=]*)(?:=(.*))?$/s.exec(value) ?? [];
  const format = name.toLowerCase();
  const plain = plainFormats.find((one) => one === format);
  if (plain && template === undefined) return { format: plain };
  const templated = templateFormats.find((one) => one === format);
  if (templated)
    return template
      ? { format: templated, template: templateOf(template, refuse) }
      : refuse('template format specified but no template given');
  const meant = didYouMean(format, formats);
  const message = `unable to match a printer suitable for the output format "${value}", allowed formats are: ${formats.join(',')}`;
  return refuse(message, meant && `Did you mean -o ${meant}?`);
}

function templateOf(text: string, refuse: Refuse): readonly Part[] {
  try {
    return parseTemplate(text);
  } catch (error) {
    return refuse((error as Error).message);
  }
}

import { escapeControls } from '../escape.ts';
import { jsonText } from './json.ts';
import type { Output } from './output.ts';

/** A result, for all forms of output. */
export interface Result {
  /** For programs. */
  readonly data: object;
  /** What `-o name` prints, a line each: `pod/web-0`. */
  readonly names: readonly string[];
  /** For people; `isWide` with more of it. */
  readonly text: (isWide: boolean) => string;
}

/** A result in the form that the user asked for. */
export async function render(output: Output, { data, names, text }: Result): Promise<string> {
  switch (output.format) {
    case 'text':
    case 'wide':
      return escapeControls(text(output.format === 'wide'));
    case 'json':
      return jsonText(data);
    case 'name':
      return names.map((name) => `${name}\n`).join('');
    case 'yaml': {
      const { yamlText } = await import('./yaml.ts');
      return yamlText(data);
    }
    case 'jsonpath': {
      const { jsonpathText } = await import('./jsonpath.ts');
      return jsonpathText(output.template, data);
    }
    case 'jsonpath-as-json': {
      const { jsonpathJson } = await import('./jsonpath.ts');
      return jsonpathJson(output.template, data);
    }
  }
}

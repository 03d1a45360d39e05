/** One step of a path: from some values to others. */
export type Step =
  | { readonly kind: 'field'; readonly name: string }
  /** All items of a list, all values of an object. */
  | { readonly kind: 'all' }
  /** The value itself and everything inside. */
  | { readonly kind: 'descendants' }
  | { readonly kind: 'slice'; readonly from: number; readonly to: number | undefined; readonly by: number }
  | { readonly kind: 'union'; readonly of: readonly Path[] }
  /** Items of a list for which it holds; without an operator those that have what `left` leads to. */
  | { readonly kind: 'filter'; readonly left: Operand; readonly operator: Operator | undefined; readonly right: Operand };

export type Path = readonly Step[];
export type Operand = Path | string | number | boolean;
export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** A part of a template. What is in a range is printed once for each value that its path leads to, starting from it. */
export type Part = { readonly text: string } | { readonly path: Path } | { readonly path: Path; readonly body: readonly Part[] };

const operators: readonly string[] = ['==', '!=', '<', '<=', '>', '>='] satisfies Operator[];
const escapes: Readonly<Record<string, string>> = {
  'n': '\n',
  't': '\t',
  'r': '\r',
  'a': '\u0007',
  'b': '\b',
  'f': '\f',
  'v': '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};
const fieldName = /(?:\\.|[^\\\s.,[\]{}()$@=!<>"'])+/y;

/**
 * Parses a template in kubectl's dialect of JSONPath (client-go's util/jsonpath is the model): text with paths, quoted
 * text, and `range` to `end` in braces; `$` and `@` both stand for the current value. Other than there, a path alone
 * needs no braces, one pair of braces holds one thing only, and a range must be ended.
 *
 * @throws Error in kubectl's words when it is none
 */
export function parseTemplate(template: string): readonly Part[] {
  const isBare = /^[.$@[][^{}]*$/.test(template);
  const reader = new Reader(template, isBare ? `{${template}}` : template);
  const outermost: Part[] = [];
  const open: Part[][] = [outermost];
  const add = (part: Part): void => void open.at(-1)?.push(part);
  while (!reader.isAtEnd()) {
    const text = reader.take(/[^{]+/y);
    if (text !== undefined) add({ text });
    if (!reader.skip(/\{\s*/y)) continue;
    const quoted = literal(reader);
    if (quoted !== undefined) add({ text: String(quoted) });
    else if (reader.skip(/range\s+/y)) {
      const body: Part[] = [];
      add({ path: path(reader), body });
      open.push(body);
    } else if (reader.skip(/end\b/y)) {
      open.pop();
      if (open.length === 0) reader.fail('not in range, nothing to end');
    } else add({ path: path(reader) });
    if (!reader.skip(/\s*\}/y)) unexpected(reader);
  }
  return open.length === 1 ? outermost : reader.fail('range without end');
}

function path(reader: Reader): Path {
  const steps: Step[] = [];
  for (;;) {
    if (reader.skip(/[$@\s]+/y)) continue;
    if (reader.skip(/\.\./y)) {
      steps.push({ kind: 'descendants' });
      if (reader.peek('[')) continue;
      steps.push(reader.skip(/\*/y) ? { kind: 'all' } : field(reader));
    } else if (reader.skip(/\.\*/y)) steps.push({ kind: 'all' });
    // `.[0]` is `[0]`, and a dot alone the value itself.
    else if (reader.skip(/\./y)) steps.push(...(reader.peek('[') || reader.peek('}') ? [] : [field(reader)]));
    else if (reader.skip(/\[/y)) steps.push(bracket(reader));
    else return steps;
  }
}

function field(reader: Reader): Step {
  const name = reader.take(fieldName) ?? unexpected(reader);
  return { kind: 'field', name: name.replace(/\\(.)/g, '$1') };
}

/** What follows a `[`, with its `]`. */
function bracket(reader: Reader): Step {
  if (reader.skip(/\?\(\s*/y)) return filter(reader);
  const content = reader.take(/(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\]}'"])*\]/y)?.slice(0, -1) ?? reader.fail('unterminated array');
  if (content === '*') return { kind: 'all' };
  // No comma inside of quotes.
  const parts = content.match(/(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,'"])+/g) ?? reader.fail('invalid array index ');
  const of = parts.map((part): Path => (/^\s*['"]/.test(part) ? quotedPath(part.trim(), reader) : [slice(part, reader)]));
  return of.length === 1 && of[0]?.length === 1 && of[0][0] ? of[0][0] : { kind: 'union', of };
}

/** As kubectl: `['a.b']` is `.a.b`, and `['a\.b']` a name with a dot. */
function quotedPath(quoted: string, reader: Reader): Path {
  const names = quoted.slice(1, -1).match(/(?:\\.|[^.\\])+/g) ?? reader.fail(`invalid array index ${quoted}`);
  return names.map((name) => ({ kind: 'field', name: name.replace(/\\(.)/g, '$1') }));
}

function slice(text: string, reader: Reader): Step {
  const [, from = '', isRange, to = '', by = '1'] = /^(-?\d+)?(:)?(-?\d+)?(?::(-?\d+)?)?$/.exec(text) ?? [];
  if (isRange === undefined) {
    const index = from === '' ? reader.fail(`invalid array index ${text}`) : Number(from);
    return { kind: 'slice', from: index, to: index === -1 ? undefined : index + 1, by: 1 };
  }
  if (Number(by) <= 0) return reader.fail('step must be > 0');
  return { kind: 'slice', from: Number(from), to: to === '' ? undefined : Number(to), by: Number(by) };
}

function filter(reader: Reader): Step {
  const left = literal(reader) ?? path(reader);
  const operator = reader.take(/\s*[=!<>]+\s*/y)?.trim();
  if (operator !== undefined && !operators.includes(operator)) reader.fail(`unrecognized filter operator ${operator}`);
  const right = operator === undefined ? [] : (literal(reader) ?? path(reader));
  if (!reader.skip(/\s*\)\s*\]/y)) reader.fail('unterminated filter');
  return { kind: 'filter', left, operator: operator as Operator | undefined, right };
}

function unexpected(reader: Reader): never {
  if (reader.isAtEnd()) return reader.fail('unclosed action');
  const identifier = reader.take(/[a-z][\w-]*/iy);
  return reader.fail(
    identifier === undefined ? `unrecognized character in action: ${reader.next()}` : `unrecognized identifier ${identifier}`,
  );
}

/** Quoted text, a number, true or false. */
function literal(reader: Reader): string | number | boolean | undefined {
  if (reader.peek('"') || reader.peek("'")) {
    const quoted = reader.take(/"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'/y) ?? reader.fail('unterminated quoted string');
    return quoted.slice(1, -1).replace(/\\([^])/g, (_all, letter: string) => escapes[letter] ?? reader.fail('invalid syntax'));
  }
  const word = reader.take(/(?:[-+]?\d+(?:\.\d+)?|true|false)(?=[\s})=!<>])/y);
  return word === undefined ? undefined : word === 'true' || (word === 'false' ? false : Number(word));
}

/** A place in a text, which moves on as it is read. */
class Reader {
  readonly #shown: string;
  readonly #text: string;
  #at = 0;

  constructor(shown: string, text: string) {
    this.#shown = shown;
    this.#text = text;
  }

  /** What the sticky pattern finds here, if anything. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  skip(pattern: RegExp): boolean {
    return this.take(pattern) !== undefined;
  }

  peek(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  next(): string {
    const letter = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    return `U+${letter.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')} '${letter}'`;
  }

  isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  fail(why: string): never {
    throw new Error(`error parsing jsonpath ${this.#shown}, ${why}`);
  }
}

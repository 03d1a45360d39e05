import { catalogue, type Effect, type FindingCode } from './catalogue.ts';

const subjectKinds = ['pod', 'container', 'volume', 'node', 'namespace', 'cluster'] as const;

/** What a finding is about. */
export interface Subject {
  readonly kind: (typeof subjectKinds)[number];
  readonly name: string;
}

/** One thing that stands in the way of a move, or that is not as it was after it. */
export interface Finding {
  /** What it is, for programs; docs/findings/CODE.md tells of it. */
  readonly code: FindingCode;
  readonly effect: Effect;
  readonly on: Subject;
  /** A sentence without a full stop that can stand alone, or after `cannot be moved: `. */
  readonly text: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export function finding(code: FindingCode, on: Subject, text: string, remedy?: string): Finding {
  return { code, effect: catalogue[code].effect, on, text, ...(remedy === undefined ? {} : { remedy }) };
}

/** The finding in a list when it is so, else an empty one. */
export function when(is: boolean, ...parts: Parameters<typeof finding>): Finding[] {
  return is ? [finding(...parts)] : [];
}

export function blockersAmong(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ effect }) => effect === 'blocks');
}

/** As people read it: the code last, where it does not stand in the way of the sentence. */
export function findingText({ text, code }: Finding): string {
  return `${text} [${code}]`;
}

const mostText = 1000;

/**
 * A finding that came from a node, with every field checked and made anew: names in it are those of other people's processes.
 *
 * @throws Error when it is none that this version knows
 */
export function checkedFinding(value: unknown): Finding {
  const raw = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { code, text, remedy } = raw;
  const on = (typeof raw['on'] === 'object' && raw['on'] !== null ? raw['on'] : {}) as Record<string, unknown>;
  const kind = subjectKinds.find((one) => one === on['kind']);
  if (typeof code !== 'string' || !Object.hasOwn(catalogue, code) || typeof text !== 'string' || !kind || typeof on['name'] !== 'string') {
    throw new Error(`an agent tells of something that this version does not know: ${JSON.stringify(value)?.slice(0, 200)}`);
  }
  const name = on['name'].slice(0, 253);
  return finding(
    code as FindingCode,
    { kind, name },
    text.slice(0, mostText),
    typeof remedy === 'string' ? remedy.slice(0, mostText) : undefined,
  );
}

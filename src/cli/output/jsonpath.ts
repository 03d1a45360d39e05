import { jsonText } from './json.ts';
import type { Operand, Operator, Part, Path, Step } from './jsonpath-template.ts';

/**
 * What a template prints of a value: several values of one path with spaces between them, lists and objects as JSON.
 *
 * Here it differs from kubectl: nothing that a template asks for can fail, because the value may tell of something that
 * was done and cannot be done again. What is not there prints nothing, an index beyond the end too.
 */
export function jsonpathText(template: readonly Part[], value: unknown): string {
  return resultsOf(template, value)
    .map((results) => results.map(textOf).join(' '))
    .join('');
}

/** The same as JSON: a list for each path and each text of the template, as kubectl's `jsonpath-as-json` prints them. */
export function jsonpathJson(template: readonly Part[], value: unknown): string {
  return resultsOf(template, value).map(jsonText).join('');
}

function resultsOf(parts: readonly Part[], value: unknown): unknown[][] {
  return parts.flatMap((part) => {
    if ('text' in part) return [[part.text]];
    const found = follow(part.path, [value]);
    return 'body' in part ? found.flatMap((one) => resultsOf(part.body, one)) : [found];
  });
}

function follow(path: Path, values: unknown[]): unknown[] {
  return path.reduce((current, step) => stepFrom(step, current), values);
}

function stepFrom(step: Step, values: unknown[]): unknown[] {
  switch (step.kind) {
    case 'field':
      return values.flatMap((value) => (isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : []));
    case 'all':
      return values.flatMap(children);
    case 'descendants':
      return values.flatMap(descendants);
    case 'slice':
      return values.flatMap((value) =>
        Array.isArray(value) ? value.slice(step.from, step.to).filter((_item, index) => index % step.by === 0) : [],
      );
    case 'union':
      return step.of.flatMap((path) => follow(path, values));
    case 'filter':
      return values.flatMap((value) => (Array.isArray(value) ? value.filter((item) => holds(step, item)) : []));
  }
}

/** A side that leads nowhere makes it false, whatever the operator. */
function holds({ left, operator, right }: Extract<Step, { kind: 'filter' }>, item: unknown): boolean {
  const sides = [left, right].map((operand) => operandValue(operand, item));
  if (sides[0]?.length === 0) return false;
  return operator === undefined || (sides[1]?.length !== 0 && compare(sides[0]?.[0], operator, sides[1]?.[0]));
}

function operandValue(operand: Operand, item: unknown): unknown[] {
  return typeof operand === 'object' ? follow(operand, [item]) : [operand];
}

function compare(left: unknown, operator: Operator, right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  const areNumbers = typeof left === 'number' && typeof right === 'number';
  if (!areNumbers && !(typeof left === 'string' && typeof right === 'string')) return false;
  const isSame = left === right;
  return operator.startsWith('<') ? left < right || (isSame && operator === '<=') : left > right || (isSame && operator === '>=');
}

function children(value: unknown): unknown[] {
  return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
}

function descendants(value: unknown): unknown[] {
  return [value, ...children(value).flatMap(descendants)];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

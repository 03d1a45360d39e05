import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTemplate } from '../../../src/cli/output/jsonpath-template.ts';
import { jsonpathJson, jsonpathText } from '../../../src/cli/output/jsonpath.ts';

const value = {
  'kind': 'Config',
  'current-context': 'b',
  'contexts': [
    { name: 'a', context: { cluster: 'c1', user: 'u1', namespace: 'n1' } },
    { name: 'a.b/c', context: { cluster: 'c3', user: 'u3', namespace: '7' } },
    { name: 'b', context: { cluster: 'c2', user: 'u2' } },
  ],
  'clusters': [
    { name: 'c1', cluster: { 'insecure-skip-tls-verify': true, 'server': 'https://x:1' } },
    { name: 'c2', cluster: { server: 'https://y:2' } },
  ],
  'users': null,
  'sizes': [3, 20, 100],
};

function print(template: string): string {
  return jsonpathText(parseTemplate(template), value);
}

// What kubectl 1.32 prints of a kubeconfig with this content (kubectl config view -o jsonpath=...).
describe('prints what kubectl prints', () => {
  test.each([
    ['{.current-context}', 'b'],
    ['{$.current-context}', 'b'],
    ['{@.current-context}', 'b'],
    ['{ .current-context }', 'b'],
    ['plain', 'plain'],
    ['{.nope}', ''],
    ['{.nope.deeper}', ''],
    ['{.current-context.x}', ''],
    ['{.current-context .x}', ''],
    ['x{.nope}y', 'xy'],
    ['{.users}', 'null'],
    ['{.contexts[*].name}', 'a a.b/c b'],
    ['{.contexts.*.name}', 'a a.b/c b'],
    ['{.contexts[0].name}', 'a'],
    ['{.contexts[0] .name}', 'a'],
    ['{.contexts[-1].name}', 'b'],
    ['{.contexts[0:2].name}', 'a a.b/c'],
    ['{.contexts[1:].name}', 'a.b/c b'],
    ['{.contexts[:-1].name}', 'a a.b/c'],
    ['{.contexts[-2:].name}', 'a.b/c b'],
    ['{.contexts[0:3:2].name}', 'a b'],
    ['{.contexts[::2].name}', 'a b'],
    ['{.contexts[1:1].name}', ''],
    ['{.contexts[0,2].name}', 'a b'],
    [`{.contexts[0]['name']}`, 'a'],
    [`{['kind','current-context']}`, 'Config b'],
    [`{.contexts[*]['name','context.cluster']}`, 'a a.b/c b c1 c3 c2'],
    ['{.contexts[?(@.name=="b")].context.user}', 'u2'],
    [`{.contexts[?(@.name=='b')].context.user}`, 'u2'],
    ['{.contexts[?( @.name == "b" )].name}', 'b'],
    ['{.contexts[?("b"==@.name)].name}', 'b'],
    ['{.contexts[?(@.name=="a.b/c")].context.cluster}', 'c3'],
    [`{.contexts[?(@['name']=="a")].name}`, 'a'],
    ['{.contexts[?(@.name!="b")].name}', 'a a.b/c'],
    ['{.contexts[?(@.context.namespace)].name}', 'a a.b/c'],
    ['{.contexts[?(@.context.namespace!="n1")].name}', 'a.b/c'],
    ['{.contexts[?(@.context.namespace>"4")].name}', 'a a.b/c'],
    ['{.contexts[?(@.nope==@.nope)].name}', ''],
    ['{.clusters[?(@.cluster.insecure-skip-tls-verify==true)].name}', 'c1'],
    ['{.clusters[?(@.cluster.insecure-skip-tls-verify)].name}', 'c1'],
    ['{.clusters[0].cluster.insecure\\-skip-tls-verify}', 'true'],
    ['{range .contexts[*]}{.name}{"\\t"}{$.current-context}{"\\n"}{end}', 'a\t\na.b/c\t\nb\t\n'],
    [`{range .contexts[*]}{.name}{'\\n'}{end}`, 'a\na.b/c\nb\n'],
    ['{range .contexts[*]}{@.name},{@.context.cluster};{end}', 'a,c1;a.b/c,c3;b,c2;'],
    ['{range .contexts[*]}{range .context}{.user}{end}|{end}', 'u1|u3|u2|'],
    ['{range .contexts[0:2]}[{.name}] {end}end', '[a] [a.b/c] end'],
    ['{range .nope[*]}x{end}', ''],
    ['{..name}', 'a a.b/c b c1 c2'],
    ['{.contexts[0]..user}', 'u1'],
    ['{.clusters[1]}', '{"name":"c2","cluster":{"server":"https://y:2"}}'],
    ['{"a"}{\'b"c\'}', 'ab"c'],
    ['{"x\\"y\\\\z"}', 'x"y\\z'],
    ['{1}{true}', '1true'],
  ])('%s', (template, expected) => {
    expect(print(template)).toBe(expected);
  });
});

describe('differs from kubectl in that', () => {
  test.each([
    ['a path alone needs no braces', '.contexts[0].name', 'a'],
    ['an index beyond the end prints nothing', '{.contexts[9].name}', ''],
    ['a value that is no list has no items', '{.current-context[0]}', ''],
    ['a dot alone is the value itself', '{range .sizes[?(@>3)]}{.},{end}', '20,100,'],
  ])('%s', (_what, template, expected) => {
    expect(print(template)).toBe(expected);
  });
});

test('as JSON each path and each text is a list', () => {
  expect(jsonpathJson(parseTemplate('{.contexts[0:2].name}x'), value)).toBe('[\n    "a",\n    "a.b/c"\n]\n[\n    "x"\n]\n');
});

describe('what is no template is told in the words of kubectl', () => {
  test.each([
    ['{.contexts', 'unclosed action'],
    ['{range .contexts[*]', 'unclosed action'],
    ['{.contexts[}', 'unterminated array'],
    ['{.contexts[0}', 'unterminated array'],
    ['{.contexts[a]}', 'invalid array index a'],
    ['{.contexts[ 0 ].name}', 'invalid array index  0 '],
    ['{.contexts[::-1].name}', 'step must be > 0'],
    ['{.contexts[?(@.name=="b"]}', 'unterminated filter'],
    ['{.contexts[?(@.name="b")]}', 'unrecognized filter operator ='],
    ['{&}', "unrecognized character in action: U+0026 '&'"],
    ['{.a{.b}', "unrecognized character in action: U+007B '{'"],
    ['{foo}', 'unrecognized identifier foo'],
    ['{"a}', 'unterminated quoted string'],
    ['{"\\q"}', 'invalid syntax'],
    ['{end}', 'not in range, nothing to end'],
    // kubectl ends it by itself.
    ['{range .contexts[*]}{.name}', 'range without end'],
  ])('%s', (template, why) => {
    expect(() => parseTemplate(template)).toThrow(`error parsing jsonpath ${template}, ${why}`);
  });
});

test('any text is a template or is refused, and none that is accepted can fail or hang', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '..',
    '.',
    '*',
    '?(',
    ')',
    '@',
    '$',
    'range ',
    'end',
    '"',
    "'",
    ',',
    ':',
    '-1',
    '0',
    '==',
    '<',
    'name',
    'contexts',
    ' ',
    '\\',
    '\n',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
      const text = pieces.join('');
      let parts;
      try {
        parts = parseTemplate(text);
      } catch (error) {
        expect((error as Error).message).toContain('error parsing jsonpath ');
        return;
      }
      expect(typeof jsonpathText(parts, value)).toBe('string');
    }),
    { numRuns: 3000 },
  );
});

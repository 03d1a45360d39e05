import { expect, test } from 'vitest';
import { settle, sourceFacts, targetFacts } from '../../src/protocol/settle.ts';

test('while the target may run, the source is never let go', () => {
  for (const source of sourceFacts) expect(settle(source, 'runs')).not.toBe('roll back');
});

test('a source that committed runs again on the target’s own word alone', () => {
  expect(targetFacts.filter((target) => settle('committed', target) === 'roll back')).toEqual(['never']);
});

test('a target goes on only when the source committed, is no more, or cannot be asked while the target runs', () => {
  const goesOn = sourceFacts.flatMap((source) =>
    targetFacts.filter((target) => settle(source, target) === 'go on').map((target) => `${source} ${target}`),
  );
  expect(goesOn).toEqual([
    'committed held',
    'committed runs',
    'committed ended',
    'replaced held',
    'replaced runs',
    'gone held',
    'gone runs',
    'silent runs',
  ]);
});

test('a pod whose memory is held at the target and nowhere else is never given up', () => {
  for (const source of ['committed', 'replaced', 'gone'] as const) expect(settle(source, 'held')).toBe('go on');
});

test('a source that has decided nothing runs again, whatever the target is silent about', () => {
  for (const source of ['runs', 'undecided'] as const)
    for (const target of ['never', 'held', 'ended', 'silent'] as const) expect(settle(source, target)).toBe('roll back');
});

test('what nobody can say is left in doubt', () => {
  for (const source of ['committed', 'replaced', 'gone', 'silent'] as const) expect(settle(source, 'silent')).toBe('in doubt');
  expect(settle('silent', 'held')).toBe('in doubt');
});

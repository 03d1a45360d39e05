import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findingsText } from '../../src/cli/findings-reference.ts';
import { referenceText } from '../../src/cli/reference.ts';
import { quiesceRbacText, rbacText } from '../../src/cli/rights-reference.ts';
import { settlementTable } from '../../src/cli/settlement-reference.ts';
import { settle, sourceFacts, targetFacts } from '../../src/protocol/settle.ts';

test('docs/flags.md tells of the commands as they are: npm run docs', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/flags.md'), 'utf8')).toBe(referenceText());
});

test('docs/findings.md tells of the findings as they are: npm run docs', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/findings.md'), 'utf8')).toBe(findingsText());
});

test('docs/rbac.yaml has the rights that the steps of a migration need: npm run docs', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/rbac.yaml'), 'utf8')).toBe(rbacText());
});

test('docs/rbac-quiesce.yaml has what --quiesce needs besides: npm run docs', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/rbac-quiesce.yaml'), 'utf8')).toBe(quiesceRbacText());
});

test('docs/guarantees.md has the table by which it is decided who may run: npm run docs', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/guarantees.md'), 'utf8');
  expect(page).toContain(`\n${settlementTable()}\n`);
  const inDoubt = sourceFacts.flatMap((source) => targetFacts.filter((target) => settle(source, target) === 'in doubt'));
  expect(page.split('**in doubt**')).toHaveLength(inDoubt.length + 1);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findingsText } from '../../src/cli/findings-reference.ts';
import { referenceText } from '../../src/cli/reference.ts';

test('docs/flags.md tells of the commands as they are: npm run docs', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/flags.md'), 'utf8')).toBe(referenceText());
});

test('docs/findings.md tells of the findings as they are: npm run docs', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/findings.md'), 'utf8')).toBe(findingsText());
});

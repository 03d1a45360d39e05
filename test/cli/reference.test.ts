import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { referenceText } from '../../src/cli/reference.ts';

test('docs/flags.md tells of the commands as they are: npm run docs', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/flags.md'), 'utf8')).toBe(referenceText());
});

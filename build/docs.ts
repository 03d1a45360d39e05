import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referenceText } from '../src/cli/reference.ts';

/** `npm run docs`: writes the documents that are made of the code. */
writeFileSync(join(import.meta.dirname, '..', 'docs', 'flags.md'), referenceText());

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findingsText } from '../src/cli/findings-reference.ts';
import { referenceText } from '../src/cli/reference.ts';
import { quiesceRbacText, rbacText } from '../src/cli/rights-reference.ts';
import { withSettlementTable } from '../src/cli/settlement-reference.ts';

/** `npm run docs`: writes the documents that are made of the code. */
const docs = join(import.meta.dirname, '..', 'docs');
writeFileSync(join(docs, 'flags.md'), referenceText());
writeFileSync(join(docs, 'findings.md'), findingsText());
writeFileSync(join(docs, 'rbac.yaml'), rbacText());
writeFileSync(join(docs, 'rbac-quiesce.yaml'), quiesceRbacText());
const guarantees = join(docs, 'guarantees.md');
writeFileSync(guarantees, withSettlementTable(readFileSync(guarantees, 'utf8')));

import { settle, sourceFacts, targetFacts, type SourceFact, type TargetFact } from '../protocol/settle.ts';

const sources: Readonly<Record<SourceFact, string>> = {
  runs: 'runs: the same processes',
  undecided: 'stands frozen, nothing is decided',
  committed: 'has written its commit record',
  replaced: 'was replaced: other processes run in their place',
  gone: 'is gone from its node',
  silent: 'is silent: nobody can say',
};

const targets: Readonly<Record<TargetFact, string>> = {
  never: 'never ran and never will',
  held: 'stands restored and held',
  runs: 'runs',
  ended: 'ran and has ended',
  silent: 'is silent',
};

/** The table of docs/guarantees.md, made of the code that decides by it; `npm run docs` writes it. */
export function settlementTable(): string {
  const rows = sourceFacts.map((source) => [
    sources[source],
    ...targetFacts.map((target) => (settle(source, target) === 'in doubt' ? '**in doubt**' : settle(source, target))),
  ]);
  return [['the source ↓, the target →', ...targetFacts.map((fact) => targets[fact])], ['---', ...targetFacts.map(() => '---')], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

const begin = '<!-- made by npm run docs of src/protocol/settle.ts -->';
const end = '<!-- end -->';

/** The page with the table in it as it is now. @throws Error when the page has no place for it */
export function withSettlementTable(page: string): string {
  const [before, rest] = page.split(`${begin}\n`);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error('docs/guarantees.md has no place for the table');
  return `${before}${begin}\n\n${settlementTable()}\n\n${end}${after}`;
}

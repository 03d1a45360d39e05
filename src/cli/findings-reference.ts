import { catalogue, findingCodes, type Effect } from '../preflight/catalogue.ts';

const sections: Readonly<Record<Effect, string>> = { blocks: 'In the way', loses: 'Lost', changes: 'Changed' };

/** docs/findings.md, made of the catalogue; `npm run docs` writes it. */
export function findingsText(): string {
  return (
    [
      '# Findings',
      'Made by `npm run docs` from the catalogue (src/preflight/catalogue.ts).',
      'What is in the way of a move, and what is not as it was after it, is told with a code: in brackets behind the sentence, as `code` under `findings` of `-o json`. A code never changes its meaning.',
      ...Object.entries(sections).flatMap(([effect, title]) => [
        `## ${title}`,
        findingCodes
          .filter((code) => catalogue[code].effect === effect)
          .map((code) => `- [${code}](findings/${code}.md): ${catalogue[code].title}`)
          .join('\n'),
      ]),
    ].join('\n\n') + '\n'
  );
}

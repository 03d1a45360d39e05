import type { Raced } from './results.ts';

/** The page of docs/ that shows what the races came to. */
export function racesPage(raced: readonly Raced[]): string {
  const commits = [...new Set(raced.map(({ commit }) => commit))].join(', ');
  return `# Replacing the object of a pod that has an owner, and who is first

Made by \`npm run test:races -- --table docs/races.md\` at ${commits}, on a genuine cluster: API server, controller manager and scheduler with
their defaults, a namespace that Liqo offloads, and a user who has nothing but the ClusterRole \`edit\` there. Nodes are hollow: what is
bound to one is called running after 0.8 s at home, so that hundreds of tries need no containers. The way to the API server is delayed in both directions.

In each try one pod's object is deleted and made again under its name on another node, as the cutover does. A try is good when ours is there and
stays, no new pod of the owner's was ever called running beside it, the owner never had fewer than N-1 pods, its other pods are the same ones, and nothing of it has
changed: no rollout, no failure counted. *Made*: the owner's own new pods, which were taken away again, and how long the
longest-lived of them lived; the quickest program of such a pod was seen after 680 ms with real containers, and each that may have been there for
more than 500 ms is told of. Times are median / 95 % / longest; *all* counts from the first look to the proof
that the owner is at rest, in which 300 ms of quiet are awaited when it has made none.

${racesTable(raced)}`;
}

/** Times as median / 95 % / longest. */
export function racesTable(raced: readonly Raced[]): string {
  const rows = raced
    .toSorted((a, b) => a.owner.localeCompare(b.owner) || a.delayMs - b.delayMs)
    .map(({ owner, delayMs, tries }) => {
      const good = tries.filter(({ faults }) => faults.length === 0);
      const made = tries.reduce((sum, one) => sum + one.made, 0);
      const lived = Math.round(Math.max(0, ...tries.map(({ longestLifeMs }) => longestLifeMs)));
      const doubtful = tries.reduce((sum, one) => sum + one.doubtful, 0);
      const rounds = Math.max(0, ...tries.map((one) => one.rounds));
      const cells = [owner, delayMs, `${good.length} of ${tries.length}`, made === 0 ? '0' : `${made} (${lived} ms)`, doubtful, rounds];
      return [...cells, spread(good.map(({ gapMs }) => gapMs)), spread(good.map(({ wholeMs }) => wholeMs))];
    });
  const head = [
    'owner',
    'ms one way',
    'good',
    'made (longest life)',
    'told of',
    'rounds at most',
    'old gone until ours there, ms',
    'all, ms',
  ];
  const line = (cells: readonly unknown[]): string => `| ${cells.join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

function spread(values: readonly number[]): string {
  const sorted = values.filter((one) => !Number.isNaN(one)).toSorted((a, b) => a - b);
  if (sorted.length === 0) return '';
  return [0.5, 0.95, 1].map((part) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0)).join(' / ');
}

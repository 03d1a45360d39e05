/**
 * What is known of the source's processes: the same ones `runs`; they stand frozen and nothing is decided (`undecided`); the
 * commit record is written (`committed`); the runtime has others in their place (`replaced`); they are `gone`; nobody can say
 * (`silent`).
 */
export const sourceFacts = ['runs', 'undecided', 'committed', 'replaced', 'gone', 'silent'] as const;
export type SourceFact = (typeof sourceFacts)[number];

/**
 * What is known of the target's: nothing was restored that could still run, and nothing will be (`never`: the target's own
 * word); all stands restored and frozen (`held`); it `runs`; it ran and has `ended`; nobody can say (`silent`).
 */
export const targetFacts = ['never', 'held', 'runs', 'ended', 'silent'] as const;
export type TargetFact = (typeof targetFacts)[number];

export type Settlement = 'roll back' | 'go on' | 'in doubt';

const table: Readonly<Record<SourceFact, Readonly<Record<TargetFact, Settlement>>>> = {
  runs: { never: 'roll back', held: 'roll back', runs: 'in doubt', ended: 'roll back', silent: 'roll back' },
  undecided: { never: 'roll back', held: 'roll back', runs: 'in doubt', ended: 'roll back', silent: 'roll back' },
  committed: { never: 'roll back', held: 'go on', runs: 'go on', ended: 'go on', silent: 'in doubt' },
  replaced: { never: 'roll back', held: 'go on', runs: 'go on', ended: 'in doubt', silent: 'in doubt' },
  gone: { never: 'roll back', held: 'go on', runs: 'go on', ended: 'in doubt', silent: 'in doubt' },
  silent: { never: 'roll back', held: 'in doubt', runs: 'go on', ended: 'in doubt', silent: 'in doubt' },
};

/**
 * Who may run, and so what is to be done with a migration that did not come to its end by itself. The one place that knows:
 * the engine, a command that takes over, and the source's agent ask here; its guard, which can hear nobody of a target, does what
 * is in the last column (native/guard.c, and its test). The target decides about itself alone: it never lets anything run that
 * is not committed, and what it says of that is the other half of the question.
 *
 * The target runs only on the source's commit record; so a source without one may always run again, whatever the target is
 * silent about. A record is taken back on the target's own word that it never ran and never will, and on nothing else. Where
 * the source's processes are no more, what stands at the target is all that there is of the pod.
 */
export function settle(source: SourceFact, target: TargetFact): Settlement {
  return table[source][target];
}

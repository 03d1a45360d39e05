import type { Mutation } from './mutate.ts';

const table = 'src/protocol/settle.ts';
const source = 'src/agent/source/machine.ts';
const target = 'src/agent/target/machine.ts';

/** Lines of the table and the machines. What each of them makes possible then, the model has to find. */
export const mutations: readonly Mutation[] = [
  {
    name: 'a commit that the target never carried out counts as a move',
    file: table,
    line: "committed: { never: 'roll back'",
    becomes: "committed: { never: 'go on'",
  },
  {
    name: 'a commit is rolled back when the target says nothing',
    file: table,
    line: "ended: 'go on', silent: 'in doubt' },\n  replaced",
    becomes: "ended: 'go on', silent: 'roll back' },\n  replaced",
  },
  {
    name: 'a source that runs does not stand against the target',
    file: table,
    line: "runs: { never: 'roll back', held: 'roll back'",
    becomes: "runs: { never: 'roll back', held: 'go on'",
  },
  {
    name: 'a source that runs is in doubt when the target says nothing',
    file: table,
    line: "runs: { never: 'roll back', held: 'roll back', runs: 'in doubt', ended: 'roll back', silent: 'roll back' }",
    becomes: "runs: { never: 'roll back', held: 'roll back', runs: 'in doubt', ended: 'roll back', silent: 'in doubt' }",
  },
  {
    name: 'what is at the target alone is given up',
    file: table,
    line: "gone: { never: 'roll back', held: 'go on'",
    becomes: "gone: { never: 'roll back', held: 'roll back'",
  },
  {
    name: 'the source commits although its guard was first',
    file: source,
    line: "return event.decision === 'committed'",
    becomes: 'return event.decision !== undefined',
  },
  {
    name: 'the target is not told of the commit',
    file: source,
    line: "effects: ['send-commit', 'release-guard'] }",
    becomes: "effects: ['release-guard'] }",
  },
  {
    name: 'the target is told before the record is written',
    file: source,
    line: "event.type === 'held' ? ['decide'] : []",
    becomes: "event.type === 'held' ? ['send-commit', 'decide'] : []",
  },
  {
    name: 'a source that ran on during its checkpoint commits',
    file: source,
    line: "if (event.source !== 'undecided' && settle(event.source, 'held') !== 'go on')",
    becomes: "if (event.source === 'silent')",
  },
  {
    name: 'a pod that somebody wants to stop is committed',
    file: source,
    line: 'if (event.stopWanted !== undefined)',
    becomes: "if (event.stopWanted === '')",
  },
  {
    name: 'a commit is made that nobody attends',
    file: source,
    line: "return event.isAttended ? undefined : 'kubectl migrate went away';",
    becomes: 'return undefined;',
  },
  {
    name: 'whoever takes over revokes a commit without the target’s word',
    file: source,
    line: "effects: targetNeverRan ? ['revoke', 'end-freeze'] : ['end-freeze']",
    becomes: "effects: ['revoke', 'end-freeze']",
  },
  {
    name: 'a commit is never revoked',
    file: source,
    line: "effects: targetNeverRan ? ['revoke', 'end-freeze'] : ['end-freeze']",
    becomes: "effects: ['end-freeze']",
  },
  {
    name: 'an abort does not end the freeze',
    file: source,
    line: "effects: ['tell-target-failed', 'end-freeze'] };",
    becomes: "effects: ['tell-target-failed'] };",
  },
  {
    name: 'whoever takes over from a dead agent leaves what that has frozen',
    file: source,
    line: "if (state.at === 'idle' || (state.at",
    becomes: 'if ((state.at',
  },
  {
    name: 'a commit is taken before all is held',
    file: target,
    line: "if (state.at === 'held' && event.type === 'commit')",
    becomes: "if (event.type === 'commit')",
  },
  {
    name: 'a container that was restored is restored once more',
    file: target,
    line: "if (!isWaiting(known) && known.step !== 'awaited')",
    becomes: "if (known.step === 'held' && known.id === '')",
  },
  {
    name: 'the target holds before everything has come',
    file: target,
    line: "if (!state.isComplete || !state.containers.every(({ step }) => step === 'held'))",
    becomes: "if (!state.containers.every(({ step }) => step === 'held'))",
  },
  {
    name: 'a container that is asked for when all was given up gets no answer',
    file: target,
    line: "if (state.at === 'failed') return refuse(state.reason);",
    becomes: "if (state.at === 'failed') return stay(state);",
  },
  {
    name: 'a commit that is under way can be given up',
    file: target,
    line: "if (state.at === 'failed' || state.at === 'committing' ||",
    becomes: "if (state.at === 'failed' ||",
  },
  {
    name: 'a pod that runs can still be given up',
    file: target,
    line: "state.at === 'committing' || state.at === 'running' || state.at === 'ended') return stay(state);",
    becomes: "state.at === 'committing' || state.at === 'ended') return stay(state);",
  },
];

const sourceNode = 'test/model/source-node.ts';
const sourceAgent = 'test/model/source-agent.ts';
const targetNode = 'test/model/target-node.ts';
const targetAgent = 'test/model/target-agent.ts';

/** Rules of the world, which the programs on the nodes keep; each names where. */
export const rules: readonly Mutation[] = [
  {
    name: 'the source guard thaws without the decision (native/guard.c)',
    file: sourceNode,
    line: "void (source.guard = decideAbort(source) === 'committed' ? 'committed' : 'letting go')",
    becomes: "void (source.guard = 'letting go')",
  },
  {
    name: 'a guard that saw a commit is believed after that was revoked (src/agent/source/standstill.ts)',
    file: sourceAgent,
    line: "source.guard === 'committed' && source.decision === 'committed'",
    becomes: "source.guard === 'committed'",
  },
  {
    name: 'what was let go, and has ended since, counts as never thawed (src/agent/source/fact.ts)',
    file: sourceNode,
    line: "if (claim === 'ours' && isListed && decision === 'aborted') return 'runs';",
    becomes: '',
  },
  {
    name: 'no fence is raised (src/agent/source/fence.ts)',
    file: sourceAgent,
    line: 'source.isFenced = true;',
    becomes: '',
  },
  {
    name: 'a keeper whose agent is gone lets the pod go (native/keeper.c)',
    file: targetNode,
    line: "move('finds the lease over, and decides', (one) => void (one.decision = 'kill')",
    becomes: "move('finds the lease over, and decides', (one) => void (one.decision = 'go')",
  },
  {
    name: 'who finds that the pod is to run takes it for carried out (src/agent/target/hold.ts)',
    file: targetAgent,
    line: "letGo(node);\n  return isAnyLeft(node) ? 'runs' : 'ended';",
    becomes: "return isAnyLeft(node) ? 'runs' : 'ended';",
  },
  {
    name: 'an agent that nobody attends takes away what tells what was restored (src/agent/target/target.ts)',
    file: targetAgent,
    line: "node.isNoted = node.containers.some(({ begun }) => begun !== '');",
    becomes: "for (const one of node.containers) one.begun = '';",
  },
  {
    name: 'the runtime wrapper ends what has to run without asking for the decision (native/held.c)',
    file: targetNode,
    line: "if (node.decision === 'none') node.decision = 'kill';",
    becomes: "node.decision = 'kill';",
  },
];

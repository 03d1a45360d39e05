import { agentImage } from './agent-image.ts';
import type { Command } from './command.ts';
import { completionCommand } from './completion/command.ts';
import { connectionFlags, helpFlag, namespaceFlag, verbosityFlag, type Flag } from './flags.ts';
import { outputFlag } from './output/output.ts';

const usageExit = { 2: 'wrong usage' } as const;

/** `kubectl migrate POD --to CLUSTER`. */
export const moveCommand: Command = {
  name: '',
  summary: 'Move a running pod, with everything it holds in memory, to a peered cluster.',
  description: [
    "The pod keeps its name, its specification and its processes, and stands still for a moment only. The clusters must be peered by Liqo, and the pod's namespace offloaded. Nothing is installed in either cluster: two helper pods live for the length of the migration.",
    'Whatever fails before the pod runs at the peer is rolled back, and the pod runs on where it was. Ctrl-C does the same; a move that is decided by then is finished.',
    "Several pods are moved one after the other: those that are named, in that order; those of a Deployment, StatefulSet, ReplicaSet, ReplicationController, Job or Knative Service, or with certain labels, by name, and a StatefulSet's from its highest ordinal down. Nothing is touched when one of them cannot be moved, and the first failure ends it, unless --keep-going is given. The same command again goes on with those that are left.",
  ],
  examples: [
    { purpose: 'Move the pod web-0 to the peered cluster milan', line: 'kubectl migrate web-0 --to milan' },
    {
      purpose: 'Show what would be carried, what would be lost and what is in the way; touch nothing',
      line: 'kubectl migrate web-0 --to milan --dry-run=client',
    },
    { purpose: 'The same, and let the API servers say what they would refuse', line: 'kubectl migrate web-0 --to milan --dry-run=server' },
    {
      purpose: 'Move a pod of the namespace shop, and keep the figures',
      line: 'kubectl migrate pod/web-0 -n shop --to milan -o json > moved.json',
    },
    { purpose: 'Move all pods of the StatefulSet db, db-2 before db-1 before db-0', line: 'kubectl migrate statefulset/db --to milan' },
    { purpose: 'Move all pods with a label that can be moved', line: 'kubectl migrate -l app=shop --to milan --keep-going' },
    {
      purpose: 'Move an instance of a Knative function, and let its requests end before',
      line: 'kubectl migrate fn-00001-deployment-7c9 --to milan --quiesce',
    },
    { purpose: 'Draw how the migration went', line: 'kubectl migrate web-0 --to milan --timeline web-0.svg' },
  ],
  usage: '(POD | TYPE/NAME ... | -l SELECTOR) --to CLUSTER [options]',
  positional: {
    shown: 'POD',
    text: 'The pod to move: `web-0`, `pod/web-0` or `pod web-0`; or several, also by whoever keeps them: `web-0 web-1`, `deployment/web job/import`, `statefulset db`. What TYPE may be: pod, deployment, statefulset, replicaset, replicationcontroller, job, ksvc, and what kubectl has for them.',
  },
  flags: [
    {
      name: 'agent-image',
      kind: 'string',
      default: agentImage,
      text: 'The image of the two helper pods. Both clusters must be able to pull it.',
    },
    {
      name: 'dry-run',
      kind: { optional: 'client' },
      default: 'none',
      values: ['none', 'server', 'client'],
      text: 'Must be "none", "server", or "client". If client strategy, only print what would be carried, what would be lost and what is in the way, and touch nothing. If server strategy, also send every request that would change something to both API servers without persisting it, and print what they refuse.',
    },
    {
      name: 'events',
      kind: 'boolean',
      default: 'false',
      text: 'Print what happens as JSON, one object a line, on standard output (for programs; docs/events.md). The last line is the report or the error.',
    },
    {
      name: 'keep-going',
      kind: 'boolean',
      default: 'false',
      text: 'Of several pods, move those that can be moved, whatever becomes of the others. It ends all the same when it is in doubt where a pod runs.',
    },
    {
      name: 'max-freeze',
      kind: 'string',
      default: '',
      text: 'The longest that the pod may stand still, such as 5s or 1m30s; a move that is not done by then is rolled back. Without it the pod may stand still for as long as its kubelet waits for its probes (docs/findings/KM-FREEZE-BUDGET.md), for two minutes at most. With it the probes are not looked at.',
    },
    namespaceFlag,
    {
      ...outputFlag,
      text: `${outputFlag.text} Those for programs print one object with all figures; of several pods, a list of them (items).`,
    },
    {
      name: 'quiesce',
      kind: { optional: '30s' },
      default: '',
      text: 'Before the freeze, keep new requests away from an instance of a Knative Revision, and wait until those that it has are done, for so long at the most (1s to 1m30s; 30s if no value is given). When the time is up the move goes on, and tells how many requests it has cut off. Other pods are refused (docs/findings/KM-NO-QUIESCE.md).',
    },
    {
      name: 'selector',
      short: 'l',
      kind: 'string',
      default: '',
      text: "Selector (label query) of the pods to move, supports '=', '==', '!=', 'in', 'notin'.(e.g. -l key1=value1,key2=value2,key3 in (value3)). Pods must satisfy all of the specified label constraints.",
    },
    {
      name: 'timeline',
      kind: 'string',
      default: '',
      text: 'Write who did what when into this file: a picture if its name ends with .svg, else text. "-" prints it on standard error.',
    },
    {
      name: 'to',
      kind: 'string',
      default: '',
      text: 'The peered cluster to move the pod to: the name of its virtual node, or its Liqo cluster ID. Required.',
    },
    {
      name: 'tolerate-outages',
      kind: 'boolean',
      default: 'false',
      text: 'Let a pod that has an owner stay at the peer when its virtual node is not ready for more than 300 s, where nothing else is said. Its owner starts no other one then. Pods without an owner always stay.',
    },
    { name: 'version', kind: 'boolean', default: 'false', text: 'Print the version of the plugin, and nothing else.' },
  ],
  exitCodes: {
    0: 'moved (all of several)',
    1: 'failed and rolled back (of several: not all were moved)',
    ...usageExit,
    3: 'refused before anything was touched',
    4: 'failed and a person has to look',
    130: 'interrupted and rolled back',
  },
};

const targetsCommand: Command = {
  name: 'targets',
  summary: 'List the peered clusters that a pod can be moved to.',
  description: [
    'A peered cluster is called by the name of its virtual node. Listed are what it has free, the namespace there that stands for the current one, and what is in the way of moving a pod of this namespace there, with what to do about it.',
  ],
  examples: [
    { purpose: 'List where pods of the current namespace can be moved', line: 'kubectl migrate targets' },
    { purpose: 'The same for the namespace shop, with more columns', line: 'kubectl migrate targets -n shop -o wide' },
    {
      purpose: 'Print how much memory milan has free, in bytes',
      line: `kubectl migrate targets -o jsonpath='{.items[?(@.name=="milan")].free.memoryBytes}'`,
    },
  ],
  usage: '[options]',
  flags: [
    namespaceFlag,
    {
      name: 'no-headers',
      kind: 'boolean',
      default: 'false',
      text: "When using the default output format, don't print headers (default print headers).",
    },
    outputFlag,
  ],
  exitCodes: { 0: 'listed, also when there are none', 1: 'failed', ...usageExit, 3: 'Liqo is not there' },
};

const helpCommand: Command = {
  name: 'help',
  summary: 'Print the help of a command.',
  description: [],
  examples: [],
  usage: '[COMMAND]',
  positional: { shown: 'COMMAND', text: 'The command to tell of; the move itself without one.' },
  flags: [],
  exitCodes: { 0: 'printed', ...usageExit },
  isHidden: true,
};

/** All commands, the move first. A word that is a command's name is never taken for a pod's: `pod/NAME` is. */
export const commands: readonly Command[] = [moveCommand, targetsCommand, completionCommand, helpCommand];

/** kubectl's flags that every command understands. */
export const globalFlags: readonly Flag[] = [...connectionFlags, verbosityFlag];

/** Every flag that a command understands. */
export function flagsOf(command: Command): readonly Flag[] {
  return [...new Set([...command.flags, ...globalFlags, helpFlag])];
}

import type { TargetFact } from '../../protocol/settle.ts';
import type { Barrier, Container, Effect, Pod, Step, TargetEvent, TargetState, Transition } from './states.ts';

/**
 * The target's side of one migration as a pure function: what a state and an event lead to, and what is to be done then. Whoever
 * sends what in whichever order, `running` is reached from `held` alone, by the source's commit and the target's own decision;
 * and nothing but the end of the pod leads on from there.
 *
 * @throws Error on an event that cannot come now: whoever sends it is not to be trusted any further
 */
export function next(state: TargetState, event: TargetEvent): Transition {
  if (event.type === 'fail') return isOfAnother(state, event.id) ? stay(state) : fail(state, event.reason);
  // What is held needs the source no more: a commit that was written down can still come by way of the CLI.
  if (event.type === 'link-lost') return state.at === 'held' ? stay(state) : fail(state, event.reason);
  if (event.type === 'create') return onCreate(state, event);
  if (event.type === 'went' || event.type === 'refused' || event.type === 'ended') return fromTheCommitOn(state, event);
  if (state.at !== 'failed') return beforeTheCommit(state, event);
  // The rest was under way when the source was told, or the runtime.
  return event.type === 'hook' || event.type === 'await' ? impossible(state, event) : stay(state);
}

/**
 * What can be said of the target without doing anything. A pod that has been given up is `never` only when all that was
 * restored of it is proven to be gone, which is not known here.
 */
export function factOf(state: TargetState): Exclude<TargetFact, 'never'> | 'idle' | 'given up' {
  switch (state.at) {
    case 'idle':
      return 'idle';
    case 'held':
    case 'committing':
      return 'held';
    case 'running':
      return 'runs';
    case 'ended':
      return 'ended';
    case 'failed':
      return 'given up';
    case 'awaiting':
    case 'armed':
    case 'restoring':
      return 'silent'; // on its way: it may come to be held, and nobody knows yet
  }
}

function fromTheCommitOn(state: TargetState, event: Extract<TargetEvent, { type: 'went' | 'refused' | 'ended' }>): Transition {
  if (state.at === 'committing' && event.type === 'went')
    return { state: { ...state, at: 'running' }, effects: [{ do: 'say', stage: 'running' }] };
  if (state.at === 'committing' && event.type === 'refused') return giveUp(state, event.reason);
  if (state.at === 'running' && event.type === 'ended') return { state: { ...state, at: 'ended' }, effects: [] };
  return impossible(state, event);
}

type Progress = Exclude<TargetEvent, { type: 'fail' | 'link-lost' | 'create' | 'went' | 'refused' | 'ended' }>;

function beforeTheCommit(state: Exclude<TargetState, { at: 'failed' }>, event: Progress): Transition {
  if (state.at === 'idle') {
    if (event.type === 'await') return { state: awaiting(event.containers, event.initContainers), effects: [] };
    if (event.type === 'precopied' && !state.isPrecopied)
      return { state: { ...state, isPrecopied: true }, effects: [{ do: 'say', stage: 'precopied' }] };
    return event.type === 'open' ? stay(state) : impossible(state, event);
  }
  if (state.at === 'held' && event.type === 'commit') return { state: { ...state, at: 'committing' }, effects: [{ do: 'commit' }] };
  if (state.at === 'held' || state.at === 'committing' || state.at === 'running' || state.at === 'ended') return impossible(state, event);
  switch (event.type) {
    case 'open':
      return state.isComplete ? impossible(state, event) : stay(state);
    case 'unpacked':
      return onUnpacked(state, event.id);
    case 'restorable':
      return onRestorable(state, event);
    case 'checkpointed':
      return onCheckpointed(state, event);
    case 'complete':
      if (state.isComplete || !state.containers.every(({ isCheckpointed }) => isCheckpointed)) return impossible(state, event);
      return heldIfAllIs({ ...state, isComplete: true });
    case 'hook':
      return onHook(state, event);
    case 'restored':
      return { state: advance(state, event, 'frozen', 'restored'), effects: [{ do: 'look', id: event.id }] };
    case 'stands':
      return heldIfAllIs(advance(state, event, 'restored', 'held'));
    case 'await':
    case 'precopied':
    case 'commit':
      return impossible(state, event);
  }
}

function awaiting(containers: readonly string[], initContainers: readonly string[]): Pod {
  const fresh = (name: string): Container => ({ name, id: '', step: 'awaited', isRestorable: false, isCheckpointed: false });
  return { at: 'awaiting', initContainers, podUid: '', sandbox: '', containers: containers.map(fresh), isComplete: false };
}

/** Every `create` is answered, now or later: one that is not ours to answer must never start a program afresh. */
function onCreate(state: TargetState, { id, container: name, podUid, sandbox }: Extract<TargetEvent, { type: 'create' }>): Transition {
  const refuse = (reason: string): Transition => ({ state, effects: [{ do: 'refuse', id, reason }] });
  if (state.at === 'idle') return refuse('no pod is awaited here');
  if (state.at === 'failed') return refuse(state.reason);
  if (state.at === 'committing' || state.at === 'running' || state.at === 'ended')
    return refuse(`container ${name} has been restored once already`);
  if (state.containers.some((one) => one.id === id)) return refuse(`container ${id} has been asked for once already`);
  const isOther = state.podUid !== '' && (state.podUid !== podUid || state.sandbox !== sandbox);
  // What runs at the source is a checkpoint of one pod; what was given to another is not there.
  if (isOther && (state.at === 'restoring' || state.at === 'held'))
    return both(refuse('its pod was made anew'), (after) =>
      fail(after, `the peer's kubelet made the pod anew, as ${podUid}, before the commit`),
    );
  const effects: Effect[] = isOther
    ? state.containers.filter(isWaiting).map((one) => ({ do: 'refuse', id: one.id, reason: 'its pod was made anew' }))
    : [];
  const pod: Pod = isOther ? { ...awaiting(names(state), state.initContainers), podUid, sandbox } : { ...state, podUid, sandbox };
  if (pod.initContainers.includes(name)) return { state: pod, effects: [...effects, { do: 'noop', id }] };
  const known = pod.containers.find((one) => one.name === name);
  if (!known) return { state: pod, effects: [...effects, { do: 'refuse', id, reason: `container ${name} is not one of those awaited` }] };
  // The kubelet takes what was restored for dead, or soon will: it must not come to a commit any more.
  if (!isWaiting(known) && known.step !== 'awaited')
    return both(refuse(`container ${name} has been restored once already`), (after) =>
      fail(after, `the peer's kubelet wants container ${name} anew before the commit`),
    );
  if (isWaiting(known)) effects.push({ do: 'refuse', id: known.id, reason: 'the container was asked for anew' });
  const after = change(pod, name, { id, step: known.isRestorable ? 'restoring' : 'created' });
  return { state: after, effects: [...effects, { do: known.isRestorable ? 'restore' : 'unpack', id }] };
}

function onUnpacked(state: Pod, id: string): Transition {
  const container = state.containers.find((one) => one.id === id);
  // Asked for anew meanwhile, or its restore did not wait for this.
  if (container?.step !== 'created') return stay(state);
  const after = change(state, container.name, { step: 'unpacked' });
  if (state.at !== 'awaiting') return { state: after, effects: [] };
  return { state: { ...after, at: 'armed' }, effects: [{ do: 'arm', podUid: state.podUid }] };
}

/** The source is frozen from here on; it freezes nothing before the kubelet has made the pod. */
function onRestorable(state: Pod, event: Extract<TargetEvent, { type: 'restorable' }>): Transition {
  const container = state.containers.find(({ name }) => name === event.container);
  if (state.at === 'awaiting' || !container || container.isRestorable) return impossible(state, event);
  const isToBegin = isWaiting(container);
  return {
    state: { ...change(state, container.name, { isRestorable: true, ...(isToBegin ? { step: 'restoring' } : {}) }), at: 'restoring' },
    effects: isToBegin ? [{ do: 'restore', id: container.id }] : [],
  };
}

function onCheckpointed(state: Pod, event: Extract<TargetEvent, { type: 'checkpointed' }>): Transition {
  const container = state.containers.find(({ name }) => name === event.container);
  if (!container?.isRestorable || container.isCheckpointed) return impossible(state, event);
  return {
    state: change(state, container.name, { isCheckpointed: true }),
    effects: container.step === 'filling' ? [{ do: 'release', container: container.name, barrier: 'post-setup-namespaces' }] : [],
  };
}

/** A container's hooks come in this order, each once. */
const hookSteps: Readonly<Record<Barrier, { readonly from: Step; readonly to: Step }>> = {
  'setup-namespaces': { from: 'restoring', to: 'built' },
  'post-setup-namespaces': { from: 'built', to: 'filling' },
  'post-restore': { from: 'filling', to: 'filled' },
  'pre-resume': { from: 'filled', to: 'frozen' },
};

function onHook(state: Pod, event: Extract<TargetEvent, { type: 'hook' }>): Transition {
  const { container: name, action } = event;
  const container = state.containers.find((one) => one.name === name);
  const { from, to } = hookSteps[action];
  if (state.at !== 'restoring' || container?.step !== from) return impossible(state, event);
  const after = change(state, name, { step: to });
  const release: Effect = { do: 'release', container: name, barrier: action };
  switch (action) {
    case 'setup-namespaces':
      // The process exists: the kubelet can go on to the next container while this one is filled.
      return { state: after, effects: [{ do: 'created', id: container.id, pid: event.pid }, release] };
    case 'post-setup-namespaces':
      return { state: after, effects: container.isCheckpointed ? [release] : [] };
    case 'post-restore':
      if (!container.isCheckpointed) return impossible(state, event);
      // All let go of each other's sockets together, so that connections between them live on.
      if (!after.containers.every(({ step }) => step === 'filled')) return { state: after, effects: [] };
      return { state: after, effects: after.containers.map((one) => ({ do: 'release', container: one.name, barrier: action })) };
    case 'pre-resume':
      if (!state.containers.every(({ step }) => isPast(step, 'filled'))) return impossible(state, event);
      return { state: after, effects: [release] };
  }
}

function heldIfAllIs(state: Pod): Transition {
  if (!state.isComplete || !state.containers.every(({ step }) => step === 'held')) return { state, effects: [] };
  return { state: { ...state, at: 'held' }, effects: [{ do: 'watch' }, { do: 'say', stage: 'held' }] };
}

/** Without effect from the commit on: then nobody else is needed, neither the source's agent nor the CLI. */
function fail(state: TargetState, reason: string): Transition {
  if (state.at === 'failed' || state.at === 'committing' || state.at === 'running' || state.at === 'ended') return stay(state);
  return giveUp(state, reason);
}

function isOfAnother(state: TargetState, id: string | undefined): boolean {
  return id !== undefined && 'containers' in state && state.containers.every((one) => one.id !== id);
}

function giveUp(state: TargetState, reason: string): Transition {
  const containers = 'containers' in state ? state.containers : [];
  const begun = containers.filter(({ step }) => isPast(step, 'restoring')).map(({ id }) => id);
  const refused: Effect[] = containers.filter(isWaiting).map(({ id }) => ({ do: 'refuse', id, reason }));
  return { state: { at: 'failed', reason, begun }, effects: [...refused, { do: 'give up', reason, begun }] };
}

/** Its `create` waits for our answer, and nothing has been restored. */
function isWaiting({ step }: Container): boolean {
  return step === 'created' || step === 'unpacked';
}

const order: readonly Step[] = ['awaited', 'created', 'unpacked', 'restoring', 'built', 'filling', 'filled', 'frozen', 'restored', 'held'];

function isPast(step: Step, least: Step): boolean {
  return order.indexOf(step) >= order.indexOf(least);
}

function names({ containers }: Pod): string[] {
  return containers.map(({ name }) => name);
}

function change(state: Pod, name: string, changed: Partial<Container>): Pod {
  return { ...state, containers: state.containers.map((one) => (one.name === name ? { ...one, ...changed } : one)) };
}

/** The container with that ID takes its next step. */
function advance(state: Pod, event: Extract<TargetEvent, { id: string }>, from: Step, to: Step): Pod {
  const container = state.containers.find(({ id }) => id === event.id);
  if (state.at !== 'restoring' || container?.step !== from) return impossible(state, event);
  return change(state, container.name, { step: to });
}

function both(first: Transition, second: (state: TargetState) => Transition): Transition {
  const then = second(first.state);
  return { state: then.state, effects: [...first.effects, ...then.effects] };
}

function stay(state: TargetState): Transition {
  return { state, effects: [] };
}

function impossible(state: TargetState, event: TargetEvent): never {
  const of = 'container' in event ? ` of container ${event.container}` : '';
  throw new Error(`"${event.type}"${of} cannot come while the target is ${state.at}`);
}

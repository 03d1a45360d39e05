import type { Container, Move, TargetNode, World } from './world.ts';

/** Whatever of the pod was restored here and has not ended. */
export function isAnyLeft({ containers }: TargetNode): boolean {
  return containers.some(({ copy, runc }) => copy === 'building' || copy === 'frozen' || copy === 'runs' || runc === 'works');
}

function kill(container: Container): void {
  if (container.copy !== 'none') container.copy = 'dead';
  if (container.runc === 'works') container.runc = 'badly';
  container.isAtHook = false;
}

function killAll({ containers }: TargetNode): void {
  for (const one of containers) kill(one);
}

/** What is being restored dies with its keeper; what is held stands. */
export function killKeeper(container: Container): void {
  if (container.keeper !== 'alive') return;
  if (container.runc === 'works') kill(container);
  container.keeper = 'dead';
}

export function letGo(node: TargetNode): void {
  node.hasRun = true;
  for (const one of node.containers) if (one.copy === 'frozen') one.copy = 'runs';
}

/** As the runtime wrapper does it, for whoever wants a container to end: the decision first. */
export function endByRuntime(node: TargetNode, container: Container): void {
  container.wasStopped = true;
  if (node.decision === 'none') node.decision = 'kill';
  if (node.decision === 'kill') return killAll(node);
  letGo(node);
  // By our own hand it must not be.
  if (container.copy === 'runs' && node.pod !== 'deleted') node.hasEnded = true;
  kill(container);
}

/** What happens on the target's node without its agent. */
export function targetNodeMoves(world: World): Move[] {
  const { node } = world;
  return [
    ...node.containers.flatMap((one, index) => [...keeperMoves(world, one, index), ...endMoves(node, one, index)]),
    ...kubeletMoves(node),
  ];
}

/** Keepers carry out what is decided; alone, they decide (native/keeper.c). */
function keeperMoves({ node, target }: World, { name, keeper, copy, runc }: Container, index: number): Move[] {
  if (keeper !== 'alive') return [];
  const move = (what: string, step: (node: TargetNode, own: Container) => void, kind: Move['kind'] = 'free'): Move => ({
    name: `the keeper of container ${name} ${what}`,
    kind,
    step: (one) => step(one.node, one.node.containers[index] as Container),
  });
  const moves = [move('is killed', (_node, own) => killKeeper(own), 'mishap')];
  if (node.decision === 'kill')
    moves.push(
      move('ends all', (one, own) => {
        killAll(one);
        own.keeper = 'over';
      }),
    );
  if (node.decision === 'go' && runc !== 'works')
    moves.push(
      move('lets all go', (one, own) => {
        letGo(one);
        own.keeper = 'over';
      }),
    );
  if (node.decision !== 'none') return moves;
  if (runc !== 'works' && copy !== 'frozen') moves.push(move('finds it held no more, and decides', (one) => void (one.decision = 'kill')));
  moves.push(move('finds the lease over, and decides', (one) => void (one.decision = 'kill'), target.isAlive ? 'mishap' : 'patience'));
  return moves;
}

function endMoves(node: TargetNode, { name, runc, copy, wasStopped }: Container, index: number): Move[] {
  const moves: Move[] = [];
  const own = (world: World): Container => world.node.containers[index] as Container;
  if (runc === 'works')
    moves.push({
      name: `the restore of container ${name} is killed`,
      kind: 'mishap',
      step: (world) => kill(own(world)),
    });
  if (runc === 'works' && copy === 'frozen')
    moves.push({ name: `the restore of container ${name} ends well`, kind: 'free', step: (world) => void (own(world).runc = 'well') });
  if (copy !== 'none' && copy !== 'dead' && !wasStopped)
    moves.push({
      name: `the kubelet at the target ends container ${name}`,
      kind: node.pod === 'deleted' ? 'free' : 'mishap',
      step: (world) => endByRuntime(world.node, own(world)),
    });
  return moves;
}

function kubeletMoves(node: TargetNode): Move[] {
  if (node.pod === 'deleted' && !isAnyLeft(node))
    return [{ name: 'the kubelet at the target has the pod no more', kind: 'at once', step: (world) => void (world.node.pod = 'none') }];
  if (node.pod === 'there' && !node.isAwaited && !node.hasFresh && node.containers.some(({ copy }) => copy === 'none' || copy === 'dead'))
    return [
      {
        name: 'the kubelet at the target starts a container from nothing',
        kind: 'free',
        step: (world) => void (world.node.hasFresh = true),
      },
    ];
  return [];
}

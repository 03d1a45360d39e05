import { scaled } from '../../deadlines.ts';
import type { MigrationEnd } from '../end.ts';
import type { EventSink } from '../clock.ts';
import { TargetMigration } from './target.ts';

/** For the kubelet, to take a pod away that has been deleted. */
const cleanupPatienceMs = 15_000;

/** The target's end of a migration. */
export function targetEnd(migration: string, emit: EventSink): MigrationEnd {
  const target = new TargetMigration(migration, emit);
  return {
    calls: {
      'target.inspect': async () => target.inspect(),
      'target.listen': async ({ key, containers }) => target.listen(key, containers),
      'target.await': async (pod) => {
        await target.await(pod);
        return null;
      },
      'target.expect': async () => Promise.resolve({ isAwaited: target.expect() }),
      'target.armed': async ({ deadlineMs }) => target.armed(deadlineMs),
      'target.state': async () => ({ state: await target.fact() }),
      'target.abort': async () => ({ state: await target.abort('the migration was aborted') }),
      'target.commit': async () => ({ state: await target.commit() }),
      'target.finished': async () => target.finished(),
      'cleanup': async (of) => target.cleanup(of?.podIsGone ?? false, scaled(cleanupPatienceMs)),
    },
    state: () => target.state,
    // A pod that may come stays awaited here, and refused, until somebody has deleted its ShadowPod and the kubelet has taken it
    // away: giving the runtime back earlier would start the program a second time, from nothing.
    abandon: async (reason) => target.abandon(reason),
  };
}

import type { MigrationEnd } from '../end.ts';
import type { EventSink } from '../clock.ts';
import { uninstall } from '../node/install.ts';
import { TargetMigration } from './migration.ts';

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
      'target.armed': async ({ deadlineMs }) => target.armed(deadlineMs),
      'target.state': async () => ({ state: target.fact }),
      'target.abort': async () => {
        target.abort('the migration was aborted');
        return { state: target.fact };
      },
      'target.commit': async () => {
        throw new Error('this agent takes a commit from the source alone');
      },
      'target.finished': async () => target.finished(),
      'cleanup': async () => {
        await target.close();
        await uninstall(migration);
        return { refusing: false };
      },
    },
    state: () => target.fact,
    // A pod that is awaited here stays awaited, and refused, until somebody has deleted its ShadowPod and the kubelet has taken it
    // away: giving the runtime back earlier would start the program a second time, from nothing.
    abandon: async (reason) => {
      target.abort(reason);
      if (target.isAwaiting) await target.untilPodIsGone();
      await target.close();
      await uninstall(migration);
    },
  };
}

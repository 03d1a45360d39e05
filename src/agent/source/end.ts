import type { MigrationEnd } from '../end.ts';
import type { EventSink } from '../clock.ts';
import { uninstall } from '../node/install.ts';
import { SourceMigration } from './migration.ts';

/** The source's end of a migration. @param _isAttended whether a CLI would go on after a commit that came now */
export function sourceEnd(migration: string, emit: EventSink, _isAttended: () => boolean): MigrationEnd {
  const source = new SourceMigration(migration, emit);
  let record: unknown = null;
  const abort = async (reason: string): Promise<'runs' | 'committed'> =>
    (await source.abort(new Error(reason))) === 'committed' ? 'committed' : 'runs';
  return {
    calls: {
      'source.inspect': async (pod) => source.inspect(pod),
      'source.connect': async ({ host, port, key }) => {
        await source.connect(host, port, key);
        return null;
      },
      'source.precopy': async () => source.precopy(),
      'source.checkpoint': async (params) => {
        record = params.record;
        return await source.checkpoint();
      },
      'source.state': async () => ({ state: source.fact, record }),
      'source.abort': async () => ({ state: await abort('the migration was aborted') }),
      'source.takeover': async ({ targetNeverRan, ...pod }) => {
        const state = await source.takeOver(pod, targetNeverRan);
        return { state: state === 'committed' ? 'committed' : 'runs', record };
      },
      'source.kill': async () => {
        await source.kill();
        return null;
      },
      'cleanup': async () => {
        source.close();
        await uninstall(migration);
        return { refusing: false };
      },
    },
    state: () => source.fact,
    abandon: async (reason) => {
      // A committed source keeps its record: whoever finds the frozen pod must be able to read what it is.
      if ((await abort(reason)) === 'runs' || source.isOver) await uninstall(migration);
    },
  };
}

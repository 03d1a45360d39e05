import type { MigrationEnd } from '../end.ts';
import type { EventSink } from '../clock.ts';
import { uninstall } from '../node/install.ts';
import { SourceMigration } from './migration.ts';
import { quiesce } from './quiesce.ts';

/** The source's end of a migration. @param isAttended whether a CLI would go on after a commit that came now */
export function sourceEnd(migration: string, emit: EventSink, isAttended: () => boolean): MigrationEnd {
  const source = new SourceMigration(migration, emit, isAttended);
  /** When nobody needs to know any more whether requests are in flight. */
  const over = new AbortController();
  return {
    calls: {
      'source.inspect': async (pod) => source.inspect(pod),
      'source.connect': async ({ host, port, key }) => {
        await source.connect(host, port, key);
        return null;
      },
      'source.precopy': async () => source.precopy(),
      'source.quiesce': async ({ address, limitMs }) => quiesce(address, limitMs, over.signal),
      'source.checkpoint': async (params) => source.checkpoint(params),
      'source.state': async () => ({ state: source.fact, record: source.record }),
      'source.abort': async () => {
        over.abort();
        return { state: await source.abort(new Error('the migration was aborted')) };
      },
      'source.takeover': async ({ targetNeverRan, ...pod }) => ({
        state: await source.takeOver(pod, targetNeverRan),
        record: source.record,
      }),
      'source.relay': async ({ addresses }) => ({ sockets: await source.relay(addresses) }),
      'source.kill': async () => ({ reset: await source.kill() }),
      'cleanup': async () => {
        const left = await source.close();
        if (!left.refusing) await uninstall(migration);
        return left;
      },
    },
    state: () => source.state.at,
    abandon: async (reason) => {
      over.abort();
      const { refusing } = await source.abandon(reason);
      if (!refusing) await uninstall(migration);
    },
  };
}

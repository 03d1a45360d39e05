import { removePod, type Prepared } from './prepare.ts';

/** Removes what the migration made for itself, on both nodes and in both clusters. */
export async function cleanup({ home, remote, source, target, plan }: Prepared): Promise<void> {
  await Promise.all([source.call('cleanup', null, 30_000), target.call('cleanup', null, 30_000)]);
  source.close();
  target.close();
  const collection = `/api/v1/namespaces/${plan.report.namespace}/pods`;
  await Promise.all([source, target].map(async ({ pod }) => removePod(home, `${collection}/${pod.metadata.name}`)));
  remote.close();
}

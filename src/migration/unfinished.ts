import { MigrateError } from '../errors.ts';
import { destinationLabel, localPodLabel, managedByLabel, migrationLabel, nodeNameLabel } from '../liqo/names.ts';
import type { Standby } from './steps/standby.ts';

/** The parts of a cutover, in their order. */
export type Task = (typeof tasks)[number];
const tasks = ['delete', 'create', 'adopt', 'see'] as const;

/**
 * The error of a cutover that could not be finished: the pod runs at the peer, and the home cluster does not know it yet.
 *
 * @param next the first part that is not done
 * @param file where the pod's new object is kept
 */
export function unfinished(standby: Standby, next: Task, file: string | undefined, cluster: string, cause: Error): MigrateError {
  const { namespace, pod, from, to } = standby.plan.report;
  const state: Readonly<Record<Task, string>> = {
    delete: `its old object is still in cluster ${cluster}, and its old processes stay frozen on node ${from}`,
    create: `its old object is gone from cluster ${cluster}, and the new one could not be made`,
    adopt: `its new object is in cluster ${cluster}, but not joined to what runs at ${to}`,
    see: `its object is in cluster ${cluster}, which does not see it run yet`,
  };
  const message = `pod ${namespace}/${pod} was moved and runs at ${to}, but ${state[next]}: ${cause.message}`;
  const commands = tasks.slice(tasks.indexOf(next)).flatMap((task) => commandsOf(task, standby, file));
  const hint = [
    'do not thaw or start it anywhere else; when the cause is gone, finish it by hand:',
    ...commands.map((command) => `  ${command}`),
  ].join('\n');
  return new MigrateError('in-doubt', message, { cause, hint });
}

function commandsOf(task: Task, { plan }: Standby, file: string | undefined): string[] {
  const { namespace, pod } = plan.report;
  const { peer, twinNamespace, id } = plan;
  const own = plan.pod.metadata.labels ?? {};
  const label = (key: string, value: string | undefined): string => (value === undefined ? `${key}-` : `${key}=${value}`);
  switch (task) {
    case 'delete':
      return [`kubectl -n ${namespace} delete pod ${pod} --grace-period=0 --force`];
    case 'create':
      return [
        file === undefined ? `kubectl create -f - # the pod as it was, with nodeName: ${peer.virtualNode}` : `kubectl create -f ${file}`,
      ];
    case 'adopt': {
      const credential = `kubectl -n ${peer.tenantNamespace} get secret ${peer.kubeconfigSecret} -o jsonpath={.data.kubeconfig} | base64 -d`;
      const labels = [
        label(destinationLabel, peer.clusterId),
        label(nodeNameLabel, peer.virtualNode),
        label(migrationLabel, own[migrationLabel]),
        label(managedByLabel, own[managedByLabel]),
      ];
      const seen = `kubectl -n ${namespace} wait --for=jsonpath='{.metadata.labels.${localPodLabel.replaceAll('.', String.raw`\.`)}}' pod/${pod} --timeout=60s`;
      return [seen, `kubectl --kubeconfig <(${credential}) -n ${twinNamespace} label --overwrite shadowpods ${pod} ${labels.join(' ')}`];
    }
    case 'see':
      return [
        `kubectl -n ${namespace} wait --for=condition=Ready pod/${pod} --timeout=60s`,
        `kubectl -n ${namespace} delete pods -l ${migrationLabel}=${id}`,
      ];
  }
}

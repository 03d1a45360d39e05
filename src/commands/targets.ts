import { render } from '../cli/output/render.ts';
import { tableText } from '../cli/output/table.ts';
import type { Streams } from '../cli/command.ts';
import type { TargetsArguments } from '../cli/targets-arguments.ts';
import { exchangeTeller } from '../cli/verbosity.ts';
import { openConnection } from '../kube/connection.ts';
import { findingText } from '../preflight/finding.ts';
import { listTargets, type Target } from '../preflight/peers.ts';

/** `kubectl migrate targets`. @throws MigrateError and KubeError; nothing is printed for them here */
export async function targetsCommand(args: TargetsArguments, { out, err }: Streams): Promise<void> {
  const say = (line: string): void => void err.write(`${line}\n`);
  const connection = await openConnection(args.connection, exchangeTeller(args.verbosity, say, err));
  try {
    // Only reads, each with a deadline: Ctrl-C ends it as it ends any program.
    const items = await listTargets(connection, connection.namespace, new AbortController().signal);
    const result = {
      data: { items },
      names: items.map(({ name }) => `node/${name}`),
      text: (isWide: boolean) => (items.length === 0 ? '' : targetsTable(items, isWide, args.hasHeaders)),
    };
    out.write(await render(args.output, result));
    if (items.length === 0 && (args.output.format === 'text' || args.output.format === 'wide')) {
      err.write(`No peered clusters found in cluster ${connection.name}.\n`);
    }
  } finally {
    connection.close();
  }
}

const none = '<none>';
const unknown = '<unknown>';

/** As `kubectl get` prints a list. */
export function targetsTable(targets: readonly Target[], isWide: boolean, hasHeader: boolean): string {
  const columns: readonly { readonly title: string; readonly isWide?: true; readonly cell: (target: Target) => string }[] = [
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'STATUS', cell: ({ isReady }) => (isReady ? 'Ready' : 'NotReady') },
    { title: 'CLUSTER', cell: ({ clusterId }) => clusterId },
    { title: 'FREE CPU', cell: ({ free }) => (free ? cpuText(free.cpuMillis) : unknown) },
    { title: 'FREE MEMORY', cell: ({ free }) => (free ? `${Math.floor(free.memoryBytes / 2 ** 20)}Mi` : unknown) },
    { title: 'FREE PODS', isWide: true, cell: ({ free }) => (free ? String(free.pods) : unknown) },
    { title: 'VERSION', isWide: true, cell: ({ version }) => version || unknown },
    { title: 'TENANT NAMESPACE', isWide: true, cell: ({ tenantNamespace }) => tenantNamespace },
    { title: 'NAMESPACE', cell: ({ twinNamespace }) => twinNamespace ?? none },
    {
      title: 'IN THE WAY',
      cell: ({ findings }) =>
        findings.map((one) => (one.remedy === undefined ? findingText(one) : `${findingText(one)} (${one.remedy})`)).join('; ') || none,
    },
  ];
  const shown = columns.filter((column) => isWide || !column.isWide);
  const rows = targets.map((target) => shown.map(({ cell }) => cell(target)));
  return tableText(
    shown.map(({ title }) => title),
    rows,
    hasHeader,
  );
}

/** In whole cores where it can be, else in thousandths, as Kubernetes writes it. */
function cpuText(millis: number): string {
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}

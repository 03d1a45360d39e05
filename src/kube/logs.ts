import type { KubeConnection } from './connection.ts';

export interface LogSource {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** The last lines of a container's log. @throws KubeError */
export async function logs(connection: KubeConnection, source: LogSource, tailLines: number, signal?: AbortSignal): Promise<string> {
  const path = `/api/v1/namespaces/${source.namespace}/pods/${source.pod}/log`;
  return await connection.text(path, { container: source.container, tailLines: String(tailLines) }, signal);
}

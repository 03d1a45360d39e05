import { get } from 'node:http';
import { longestReport } from './queue-report.ts';

/** Where queue-proxy reports to the autoscaler (knative.dev/networking pkg/constants.go, AutoscalingQueueMetricsPort). */
export const reportPort = 9090;

/**
 * Fetches a queue-proxy's report.
 *
 * @param address the pod's, or the loopback's in its network
 * @returns whatever came, no longer than a report is. @throws Error saying why there is none, or the signal's reason
 */
export async function fetchReport(address: string, signal: AbortSignal, port = reportPort): Promise<Uint8Array> {
  signal.throwIfAborted();
  return await new Promise<Uint8Array>((resolve, reject) => {
    // Not kept: a connection that is there in the freeze is one more to be dumped.
    const request = get({ host: address, port, path: '/metrics', agent: false, signal, headers: { Connection: 'close' } }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > longestReport) request.destroy(new Error(`a report of more than ${longestReport} bytes`));
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks));
        else reject(new Error(`queue-proxy answered with status ${response.statusCode}`));
      });
    });
    request.once('error', reject);
  });
}

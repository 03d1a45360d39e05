import { nodeNamed } from '../../bed/layout.ts';
import { onNode } from '../e2e/faults.ts';

/** The process of a container, as its node counts processes. */
async function processOf(node: string, container: string): Promise<string> {
  const list = await onNode(nodeNamed(node), 'ctr -n k8s.io tasks ls');
  const pid = new RegExp(`^${container}\\s+(\\d+)\\s+RUNNING`, 'm').exec(list)?.[1];
  if (pid === undefined) throw new Error(`${node} runs no container ${container}:\n${list}`);
  return pid;
}

/** The ports at which something listens with MPTCP in a container's network. */
export async function mptcpListeners(node: string, container: string): Promise<number[]> {
  const listing = await onNode(nodeNamed(node), `nsenter -t ${await processOf(node, container)} -n ss --mptcp -H -l -n`);
  return [...listing.matchAll(/:(\d+)\s+\S+:\*/g)].map(([, port]) => Number(port)).toSorted((a, b) => a - b);
}

/** The environment that a container was started with. */
export async function environmentOf(node: string, container: string): Promise<string[]> {
  return (await onNode(nodeNamed(node), `tr '\\0' '\\n' < /proc/${await processOf(node, container)}/environ`)).split('\n').filter(Boolean);
}

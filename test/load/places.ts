import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { insideBed, mustIn } from '../../bed/bed.ts';
import { bridgeAddress, networkOf, nodeNamed, nodes, prefix, type BedNode } from '../../bed/layout.ts';
import { fileOfNode, insideNode } from '../../bed/node.ts';
import { must, run } from '../../build/run.ts';
import type { Counts } from './client.ts';

/** From where a client asks: a network namespace, by its path. */
export interface Place {
  readonly name: string;
  readonly network: string;
}

export interface Client {
  readonly place: Place;
  /** Has all that begins from now on go there. */
  readonly turnTo: (host: string) => void;
  /** Asks nothing new, and waits for what is under way. @throws Error when the client ended otherwise */
  readonly end: () => Promise<Counts>;
}

/** Starts test/load/client.ts. */
export function startClient(place: Place, host: string, port: number): Client {
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'client.ts'), host, String(port)];
  const child = spawn('nsenter', [`--net=${place.network}`, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    place,
    turnTo: (to) => void child.stdin.write(`to ${to}\n`),
    end: async () => {
      child.stdin.end();
      const code = await ended;
      if (code !== 0) throw new Error(`the client at ${place.name} ended with ${code}`);
      return JSON.parse(text) as Counts;
    },
  };
}

/** The node itself, as its kubelet and pods of its host network see things. */
export function ofNode(name: string): Place {
  return { name, network: `/run/netns/${networkOf(nodeNamed(name))}` };
}

/** What a pod sees. @param address one of the pod's */
export async function ofPod(name: string, node: BedNode, address: string): Promise<Place> {
  const folder = await fileOfNode(node, '/run/netns');
  for (const one of readdirSync(folder)) {
    const network = `${folder}/${one}`;
    if ((await run(['nsenter', `--net=${network}`, 'ip', '-o', 'address'])).stdout.includes(` ${address}/`)) return { name, network };
  }
  throw new Error(`no network namespace of ${node.name} has ${address}`);
}

/**
 * What another node of the home cluster sees: a namespace of its own in the bed's network, with a genuine kube-proxy. It is all
 * of a node that a client of a Service has to do with.
 */
export async function ofOtherNode(): Promise<Place & { readonly remove: () => Promise<void> }> {
  const name = `${prefix}-other`;
  const network = `/run/netns/${name}`;
  const home = nodeNamed('home-1');
  const remove = async (): Promise<void> => {
    const { stdout } = await run(['ip', 'netns', 'pids', name]);
    for (const pid of stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    await run(['ip', '-n', networkOf(), 'link', 'del', 'e-other']);
    await run(['ip', 'netns', 'del', name]);
  };
  await remove();
  await must(['ip', 'netns', 'add', name]);
  await must(['ip', 'link', 'add', 'e-other', 'netns', networkOf(), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
  await must(['ip', '-n', networkOf(), 'link', 'set', 'e-other', 'master', 'br0', 'up']);
  await must(['ip', '-n', name, 'address', 'add', `${home.address.replace(/\d+$/, '19')}/24`, 'dev', 'eth0']);
  for (const device of ['lo', 'eth0']) await must(['ip', '-n', name, 'link', 'set', device, 'up']);
  // Without a route to it the kernel sends nothing to a Service. Nobody behind this one would forward it to another node's rules.
  await must(['ip', '-n', name, 'route', 'add', 'default', 'via', bridgeAddress]);
  for (const node of nodes) await must(['ip', '-n', name, 'route', 'add', node.podCidr, 'via', node.address]);
  // With the files of a node of the same cluster: iptables is there, and not on every machine.
  const inside = await insideNode(home);
  const proxy = ['/programs/kube-proxy', '--kubeconfig', '/node/kubeconfig', '--proxy-mode', 'iptables', '--conntrack-max-per-core', '0'];
  const child = spawn('nsenter', [...inside.slice(1), `--net=${network}`, '--', ...proxy, '--hostname-override', home.name], {
    stdio: 'ignore',
  });
  child.unref();
  return { name: 'other-node', network, remove };
}

/** The address of a Service in one of the clusters; at the peer the one of the Service that Liqo keeps there. */
export async function serviceAddress(side: 'home' | 'away', name: string): Promise<string> {
  const kubectl = ['kubectl', '--context', side, '-n', 'demo'];
  await mustIn([...kubectl, 'wait', '--for=create', `service/${name}`, '--timeout=60s']);
  return await mustIn([...kubectl, 'get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}']);
}

/** Waits until it answers there. */
export async function untilAnswers({ network }: Place, host: string, port: number): Promise<void> {
  const script = `until wget -q -O - -T 1 http://${host}:${port}/ > /dev/null; do sleep 0.2; done`;
  await must(['nsenter', `--net=${network}`, 'timeout', '60', 'sh', '-c', script]);
}

/** Calls `hear` with the address of a pod at home, each time it is another one. @returns what ends that */
export async function followAddress(pod: string, hear: (address: string) => void): Promise<() => void> {
  const template =
    '{{if .status.podIP}}{{range .status.conditions}}{{if eq .type "Ready"}}{{.status}}{{end}}{{end}} {{.status.podIP}}{{"\\n"}}{{end}}';
  const { command, env } = await insideBed([
    'kubectl',
    '-n',
    'demo',
    'get',
    'pod',
    '-w',
    '-o',
    `go-template=${template}`,
    '-l',
    `app=${pod}`,
  ]);
  const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  let known = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    for (const line of chunk.split('\n')) {
      const [ready, address = ''] = line.split(' ');
      if (ready !== 'True' || address === known) continue;
      known = address;
      hear(address);
    }
  });
  return () => void child.kill();
}

import { bridgeAddress, networkOf, nodes, prefix, type BedNode } from './layout.ts';
import { must, run } from '../build/run.ts';

/**
 * One network namespace for each node and one with a bridge that joins them; nothing in the machine's own. Every
 * namespace has a default route, or a ClusterIP could not be reached from it, and routes to all pod ranges.
 */
export async function makeNetwork(): Promise<void> {
  const bridge = networkOf();
  await ip('netns', 'add', bridge);
  await ip('-n', bridge, 'link', 'set', 'lo', 'up');
  await ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge');
  await ip('-n', bridge, 'addr', 'add', `${bridgeAddress}/24`, 'dev', 'br0');
  await ip('-n', bridge, 'link', 'set', 'br0', 'up');
  for (const node of nodes) await makeNodeNetwork(node);
  await routePods(bridge, nodes);
  await must(['nsenter', `--net=/run/netns/${bridge}`, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
}

async function makeNodeNetwork(node: BedNode): Promise<void> {
  const name = networkOf(node);
  await ip('netns', 'add', name);
  await ip('link', 'add', `e-${node.name}`, 'netns', networkOf(), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  await ip('-n', networkOf(), 'link', 'set', `e-${node.name}`, 'master', 'br0', 'up');
  await ip('-n', name, 'addr', 'add', `${node.address}/24`, 'dev', 'eth0');
  await ip('-n', name, 'link', 'set', 'eth0', 'up');
  await ip('-n', name, 'link', 'set', 'lo', 'up');
  await ip('-n', name, 'route', 'add', 'default', 'via', bridgeAddress);
  await must(['nsenter', `--net=/run/netns/${name}`, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await routePods(
    name,
    nodes.filter((other) => other !== node),
  );
}

async function routePods(namespace: string, towards: readonly BedNode[]): Promise<void> {
  for (const node of towards) await ip('-n', namespace, 'route', 'add', node.podCidr, 'via', node.address);
}

/**
 * Limits what goes to and from the nodes of the peer cluster, with a token bucket (netem is not in every kernel).
 *
 * @param rate as `tc` takes it, e.g. `100mbit`; `none` lifts the limit
 * @param latency longest time that a packet waits in the bucket, e.g. `50ms`
 */
export async function limitLink(rate: string, latency: string): Promise<void> {
  for (const node of nodes.filter(({ cluster }) => cluster === 'away')) {
    const ends = [
      { namespace: networkOf(), device: `e-${node.name}` },
      { namespace: networkOf(node), device: 'eth0' },
    ];
    for (const { namespace, device } of ends) {
      const tc = ['tc', '-n', namespace, 'qdisc'];
      if (rate === 'none') await run([...tc, 'del', 'dev', device, 'root']);
      else await must([...tc, 'replace', 'dev', device, 'root', 'tbf', 'rate', rate, 'burst', '256kb', 'latency', latency]);
    }
  }
}

/** Removes the namespaces; their interfaces go with them. */
export async function removeNetwork(): Promise<void> {
  for (const name of await networkNamespaces()) await ip('netns', 'del', name);
}

/** Those of the bed, also of one whose state is lost. */
export async function networkNamespaces(): Promise<string[]> {
  const { stdout } = await run(['ip', 'netns', 'list']);
  return stdout
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(`${prefix}-`));
}

async function ip(...args: readonly string[]): Promise<void> {
  await must(['ip', ...args]);
}

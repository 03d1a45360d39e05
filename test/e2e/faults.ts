import { expect } from 'vitest';
import { clusters, nodeNamed, nodes, type BedNode, type ClusterName } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';

/** Where the agents keep their things on a node. */
export const nodeFolder = '/var/lib/kubectl-migrate';

/** Runs a script on a node. @returns its standard output. @throws Error with its words when it fails */
export async function onNode(node: BedNode, script: string, input = ''): Promise<string> {
  const { code, stdout, stderr } = await runOnNode(node, ['sh', '-euc', script], { input });
  if (code !== 0) throw new Error(`on ${node.name} "${script}" ended with ${code}: ${stderr}`);
  return stdout;
}

/** As a pattern that the shell with it in its own arguments does not fit. */
const agents = 'agent[.]mjs serve';

/** Kills the agent of the one migration that is under way. @throws Error when there is none */
export async function killAgent(cluster: ClusterName): Promise<void> {
  const script = `pkill -9 -c -f "${agents}" || [ $? = 1 ]`;
  const counts = await Promise.all(
    nodes.filter((node) => node.cluster === cluster).map(async (node) => Number(await onNode(node, script))),
  );
  if (counts.every((count) => count === 0)) throw new Error(`no agent runs in ${cluster}`);
}

/** The nodes of the peer on which an agent has that file by now. @throws Error when none has */
async function targetsWith(file: string): Promise<BedNode[]> {
  const targets = nodes.filter(({ cluster }) => cluster === 'away');
  const answers = await Promise.all(targets.map(async (node) => onNode(node, `[ -e ${nodeFolder}/${file} ] && echo yes || true`)));
  const found = targets.filter((_, index) => answers[index] !== '');
  if (found.length === 0) throw new Error(`no node of the peer has ${nodeFolder}/${file}`);
  return found;
}

export interface Hold {
  /** Fulfilled when everything at the target is restored but what waits here, and so stands still in both clusters. */
  readonly untilHeld: () => Promise<void>;
  readonly letGo: () => Promise<void>;
}

/** From now on a restored container stops just before it would run, until `letGo`, for 90 s at most. To be called when the standby begins. */
export async function holdRestored(): Promise<Hold> {
  const wait = `case $CRTOOLS_SCRIPT_ACTION in pre-resume) touch ${nodeFolder}/is-held; while [ -e ${nodeFolder}/hold ] && [ $((n += 1)) -lt 1800 ]; do sleep 0.05; done;; esac`;
  const script = `#!/bin/sh\nPATH=/usr/bin:/bin n=0\n${wait}\nexec ${nodeFolder}/behind/hook\n`;
  const targets = await targetsWith('hook');
  const place = `cd ${nodeFolder}; touch hold; mkdir -p behind; mv hook behind/hook; cat > hook; chmod 755 hook`;
  await Promise.all(targets.map(async (node) => onNode(node, place, script)));
  return {
    untilHeld: async () => {
      await expect.poll(async () => targetsWith('is-held').catch(() => []), { timeout: 60_000, interval: 100 }).not.toEqual([]);
    },
    letGo: async () => void (await Promise.all(targets.map(async (node) => onNode(node, `rm -f ${nodeFolder}/hold`)))),
  };
}

/** Puts a program that only fails in the relay's place at the source. To be called when the standby begins. */
export async function breakRelay(): Promise<void> {
  await onNode(nodeNamed('home-1'), `cd ${nodeFolder}; cp /usr/bin/false relay.new; mv relay.new relay`);
}

/** Puts a program that only fails in CRIU's place at the target. To be called when the standby begins. */
export async function breakRestore(): Promise<void> {
  const place = `cd ${nodeFolder}/tools/bin; cp /usr/bin/false criu.new; mv criu.new criu`;
  await Promise.all((await targetsWith('tools/bin/criu')).map(async (node) => onNode(node, place)));
}

/** Kills the source agent as soon as it has written down that the target may run. @throws Error when it never does */
export async function killSourceAgentWhenDecided(): Promise<void> {
  const decided = `until grep -q . /run/kubectl-migrate/pods/*/*/decision; do :; done 2>/dev/null`;
  await onNode(nodeNamed('home-1'), `timeout 60 sh -c '${decided}'; pkill -9 -f "${agents}"`);
}

/** While `work` runs, no packet of a pod of the one cluster gets to a pod of the other. */
export async function withoutPackets([from, to]: readonly [ClusterName, ClusterName], work: () => Promise<void>): Promise<void> {
  const rule = `FORWARD -s ${podNetwork(from)} -d ${podNetwork(to)} -j DROP`;
  await onNode(nodeNamed('home-1'), `iptables -I ${rule}`);
  try {
    await work();
  } finally {
    await onNode(nodeNamed('home-1'), `iptables -D ${rule}`);
  }
}

function podNetwork(cluster: ClusterName): string {
  const found = clusters.find(({ name }) => name === cluster);
  if (!found) throw new Error(`no cluster ${cluster}`);
  return found.podCidr;
}

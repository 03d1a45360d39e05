import { BlockList } from 'node:net';
import type { Datagram } from '../../bed/collector.ts';
import { nodes, type BedNode, type ClusterName } from '../../bed/layout.ts';

/** A tick of a beacon (test/workloads/beacon.c), told by a datagram. */
export interface Tick {
  readonly pod: string;
  readonly container: string;
  /** `main` or `child`. */
  readonly process: string;
  /** Random when the container began; it lives in memory only. */
  readonly boot: string;
  readonly number: number;
  /** By the program's own clock, read before it sent. */
  readonly sentMs: number;
  /** When the kernel had it for the collector. */
  readonly receivedMs: number;
  /** Which copy: a pod's sandbox has an address of its own, and what is moved does not know that it has another one now. */
  readonly address: string;
  readonly side: ClusterName;
  readonly node: string;
}

/** @throws Error for what is no tick, or comes from no node of the bed */
export function tickOf({ ms, sender, text }: Datagram): Tick {
  const [pod, container, process, boot, number, seconds, more] = text.split(' ');
  const node = nodeOf(sender);
  if (!pod || !container || !process || !boot || !number || !seconds || more !== undefined) throw new Error(`"${text}" is no tick`);
  return {
    pod,
    container,
    process,
    boot,
    number: Number(number),
    sentMs: Number(seconds) * 1000,
    receivedMs: ms,
    address: sender,
    side: node.cluster,
    node: node.name,
  };
}

function nodeOf(address: string): BedNode {
  const found = nodes.find((node) => {
    const [network = '', bits] = node.podCidr.split('/');
    const range = new BlockList();
    range.addSubnet(network, Number(bits));
    return range.check(address);
  });
  if (!found) throw new Error(`a tick from ${address}, which is no pod's address`);
  return found;
}

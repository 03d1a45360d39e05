import { isIP } from 'node:net';
import { checkedFinding } from '../preflight/finding.ts';
import type { Inspection, NodeFacts, PeerConnections } from './agent-calls.ts';

/** A pod has few processes that are in the way of its move, unless somebody wants to fill a memory. */
const mostFindings = 200;

/**
 * What the source agent found, with every field checked and made anew: it comes from another node.
 *
 * @throws Error naming what is not as it must be
 */
export function checkedInspection(value: unknown): Inspection {
  const { facts, memoryBytes, fileBytes, dirtyBytes, findings } = fieldsOf(value, 'inspection');
  if (!Array.isArray(findings)) throw new Error('an agent has told an inspection without findings');
  return {
    facts: checkedFacts(facts),
    memoryBytes: amount(memoryBytes, 'memoryBytes'),
    fileBytes: amount(fileBytes, 'fileBytes'),
    dirtyBytes: amount(dirtyBytes, 'dirtyBytes'),
    findings: findings.slice(0, mostFindings).map(checkedFinding),
  };
}

/** @throws Error naming what is not as it must be */
export function checkedFacts(value: unknown): NodeFacts {
  const raw = fieldsOf(value, 'facts');
  const { cgroupVersion, cpuFlags } = raw;
  if (cgroupVersion !== 1 && cgroupVersion !== 2) throw new Error('an agent has told no version of cgroups');
  return {
    architecture: words(raw['architecture'], 'architecture'),
    kernel: words(raw['kernel'], 'kernel'),
    cgroupVersion,
    cpuFlags: list(cpuFlags, 'cpuFlags'),
    runtime: words(raw['runtime'], 'runtime'),
    runtimeVersion: words(raw['runtimeVersion'], 'runtimeVersion'),
    room: checkedRoom(raw['room']),
    helperLimits: checkedLimits(raw['helperLimits']),
  };
}

/** @throws Error naming what is not as it must be */
export function checkedPeers(value: unknown): PeerConnections[] {
  if (!Array.isArray(value)) throw new Error('an agent has told no connections');
  return value.map((one) => {
    const { address, connections } = fieldsOf(one, 'connections');
    if (isIP(String(address)) === 0) throw new Error('an agent has told a connection with no address');
    return { address: String(address), connections: amount(connections, 'connections') };
  });
}

function checkedRoom(value: unknown): NodeFacts['room'] {
  const raw = fieldsOf(value, 'room');
  return {
    diskFreeBytes: amount(raw['diskFreeBytes'], 'diskFreeBytes'),
    diskKeptBytes: amount(raw['diskKeptBytes'], 'diskKeptBytes'),
    memoryFreeBytes: amount(raw['memoryFreeBytes'], 'memoryFreeBytes'),
    memoryKeptBytes: amount(raw['memoryKeptBytes'], 'memoryKeptBytes'),
  };
}

function checkedLimits(value: unknown): NodeFacts['helperLimits'] {
  const { lifted, left } = fieldsOf(value, 'helperLimits');
  return { lifted: list(lifted, 'helperLimits'), left: list(left, 'helperLimits') };
}

function list(value: unknown, what: string): string[] {
  if (!Array.isArray(value)) throw new Error(`an agent has told no ${what}`);
  return value.slice(0, 1000).map((one) => words(one, what));
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`an agent has told no ${what}`);
  return value as Record<string, unknown>;
}

function amount(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`an agent has told no ${what}`);
  return value;
}

function words(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Error(`an agent has told no ${what}`);
  return value.slice(0, 253);
}

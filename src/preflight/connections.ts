import type { PeerConnections } from '../protocol/agent-calls.ts';

const mostNamed = 8;

/** `3 with 10.0.0.1, 1 with fd00::1`; undefined when there are none. */
export function connectionsText(peers: readonly PeerConnections[]): string | undefined {
  if (peers.length === 0) return undefined;
  const named = peers.slice(0, mostNamed).map(({ address, connections }) => `${connections} with ${address}`);
  const others = peers.slice(mostNamed);
  const rest = others.reduce((sum, { connections }) => sum + connections, 0);
  return [...named, ...(others.length > 0 ? [`${rest} with ${others.length} others`] : [])].join(', ');
}

/** What a source agent has learned of its pod's requests. */
export interface Quiet {
  /** Whether nothing was in flight before the time was up. */
  readonly isSilent: boolean;
  /** How many were in flight, on average over a second, when it was told last; null when it never was. */
  readonly inFlight: number | null;
  /** Why it was not told when it was last asked for; null when it was. */
  readonly trouble: string | null;
}

/** With every field checked: it comes from another node, and from a pod. @throws Error naming what is not as it must be */
export function checkedQuiet(value: unknown): Quiet {
  const { isSilent, inFlight, trouble } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof isSilent !== 'boolean') throw new Error('an agent has not told whether requests are in flight');
  if (inFlight !== null && !(typeof inFlight === 'number' && inFlight >= 0 && inFlight < Infinity))
    throw new Error('an agent has told no number of requests in flight');
  if (trouble !== null && typeof trouble !== 'string') throw new Error('an agent has told no reason for that');
  return { isSilent, inFlight, trouble: trouble === null ? null : trouble.slice(0, 500) };
}

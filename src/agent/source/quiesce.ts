import type { Quiet } from '../../protocol/checked-quiet.ts';
import { fetchReport } from '../../quiesce/fetch-report.ts';
import { untilSilent } from '../../quiesce/until-silent.ts';

/** Reports are one a second; from when one is there the freeze should follow soon. */
const pauseMs = 100;
const answerMs = 2_000;

/** @param address the pod's. @throws the signal's reason */
export async function quiesce(address: string, limitMs: number, signal: AbortSignal): Promise<Quiet> {
  const asking = { ask: async (one: AbortSignal) => fetchReport(address, one), pauseMs, limitMs: answerMs };
  const { isSilent, last, trouble } = await untilSilent(asking, AbortSignal.timeout(limitMs), signal);
  return { isSilent, inFlight: last?.inFlight ?? null, trouble: trouble ?? null };
}

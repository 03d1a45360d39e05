import { join } from 'node:path';
import { must } from '../build/run.ts';
import { moveUnderLoad } from '../test/load/move.ts';
import { ofOtherNode } from '../test/load/places.ts';
import { spreadOf, type Spread } from './cases.ts';

/** What clients of one kind, at one place, met with in all moves by one checkout. */
export interface ClientsMet {
  readonly checkout: string;
  readonly place: string;
  readonly kind: string;
  readonly asked: number;
  readonly failed: number;
  readonly hangs: number;
  readonly longestMs: Spread;
  readonly silenceMs: Spread;
}

interface One extends Omit<ClientsMet, 'longestMs' | 'silenceMs'> {
  readonly longestMs: number;
  readonly silenceMs: number;
}

/** Moves a pod under load so many times by each checkout, in turn, so that what else the machine does falls on all of them. */
export async function measureClients(checkouts: readonly string[], runs: number, say: (line: string) => void): Promise<ClientsMet[]> {
  const all: One[] = [];
  const otherNode = await ofOtherNode();
  try {
    for (let run = 1; run <= runs; run++) {
      for (const checkout of checkouts) {
        // Its agent image onto the nodes, and its plugin to the bed's programs.
        await must([process.execPath, '--disable-warning=ExperimentalWarning', join(checkout, 'bed/main.ts'), 'up']);
        const { report, counts } = await moveUnderLoad('bench-asked', otherNode);
        say(`clients ${run}/${runs}, ${checkout}: frozen ${report.frozenMs} ms, in all ${report.totalMs} ms`);
        for (const [place, kinds] of Object.entries(counts))
          for (const [kind, { asked, failed, hangs, longestMs, silenceMs }] of Object.entries(kinds)) {
            const sum = Object.values(failed).reduce((total, times) => total + times, 0);
            all.push({ checkout, place, kind, asked, failed: sum, hangs, longestMs, silenceMs });
          }
      }
    }
  } finally {
    await otherNode.remove();
  }
  return [...Map.groupBy(all, ({ checkout, place, kind }) => [checkout, place, kind].join(' ')).values()].flatMap(summary);
}

function summary(moves: readonly One[]): ClientsMet[] {
  const [first] = moves;
  if (!first) return [];
  const sum = (of: (one: One) => number): number => moves.reduce((total, one) => total + of(one), 0);
  return [
    {
      ...first,
      asked: sum(({ asked }) => asked),
      failed: sum(({ failed }) => failed),
      hangs: sum(({ hangs }) => hangs),
      longestMs: spreadOf(moves.map(({ longestMs }) => longestMs)),
      silenceMs: spreadOf(moves.map(({ silenceMs }) => silenceMs)),
    },
  ];
}

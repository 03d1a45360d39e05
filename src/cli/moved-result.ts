import type { MigrationReport } from '../migration/contract.ts';
import type { Result } from './output/render.ts';
import { tableText } from './output/table.ts';
import { bytesText, secondsText } from './quantities.ts';

/** What is printed of a pod that was moved: `wide` a row with the main figures. */
export function movedResult(report: MigrationReport): Result {
  const { pod, from, to, node, frozenMs, totalMs, bytes } = report;
  return {
    data: report,
    names: [`pod/${pod}`],
    text: (isWide) =>
      isWide
        ? tableText(
            ['NAME', 'FROM', 'TO', 'NODE', 'FROZEN', 'TOTAL', 'BYTES'],
            [[pod, from, to, node, frozenMs === null ? '<unknown>' : secondsText(frozenMs), secondsText(totalMs), bytesText(bytes)]],
          )
        : `pod/${pod} migrated\n`,
  };
}

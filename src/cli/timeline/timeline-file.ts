import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import type { MigrationReport } from '../../migration/contract.ts';
import type { Refuse } from '../command.ts';

/** Where `--timeline` wants the timeline: in a file, or among the words on standard error. */
export interface TimelineFile {
  /** @throws Error when it cannot be written after all */
  readonly write: (report: MigrationReport, err: NodeJS.WriteStream) => Promise<void>;
}

const textWidth = 100;

/**
 * Looks at the file's name and its folder now, so that a mistake is told before a pod is touched.
 *
 * @param path `-` for standard error; a name that ends with `.svg` gets a picture, any other a text
 */
export function timelineFile(path: string, refuse: Refuse): TimelineFile {
  if (path === '-') {
    return {
      write: async (report, err) => void err.write((await import('./timeline-text.ts')).timelineText(report, err.columns ?? textWidth)),
    };
  }
  requireWritable(path, refuse);
  return {
    write: async (report) => {
      const content =
        extname(path).toLowerCase() === '.svg'
          ? (await import('./timeline-svg.ts')).timelineSvg(report)
          : (await import('./timeline-text.ts')).timelineText(report, textWidth);
      writeFileSync(path, content);
    },
  };
}

function requireWritable(path: string, refuse: Refuse): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file?.isDirectory()) refuse(`invalid argument "${path}" for "--timeline" flag: it is a directory`);
  try {
    accessSync(file ? path : dirname(path), constants.W_OK);
  } catch (error) {
    refuse(
      `invalid argument "${path}" for "--timeline" flag: it cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
    );
  }
}

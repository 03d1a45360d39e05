import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MigrationEvent } from '../migration/contract.ts';

/** The whole story of one migration, as JSON lines. Best effort: a log never makes a migration fail. */
export interface LogFile {
  /** Undefined when it could not be made. */
  readonly path: string | undefined;
  readonly write: (event: MigrationEvent) => void;
  readonly remove: () => void;
}

/** Opens a new file that only its user can read, in the folder for temporary files. */
export function openLogFile(namespace: string, pod: string, now = new Date()): LogFile {
  const name = `kubectl-migrate-${namespace}-${pod}-${now.toISOString().replace(/[:.]/g, '-')}`;
  // Others may write into that folder: never follow what they put there under our name.
  const opened = attempt(join(tmpdir(), `${name}.log`)) ?? attempt(join(tmpdir(), `${name}-${randomBytes(4).toString('hex')}.log`));
  if (!opened) return { path: undefined, write: () => undefined, remove: () => undefined };
  return {
    path: opened.path,
    write: (event) => quietly(() => writeSync(opened.fd, `${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`)),
    remove: () =>
      quietly(() => {
        closeSync(opened.fd);
        rmSync(opened.path, { force: true });
      }),
  };
}

function attempt(path: string): { path: string; fd: number } | undefined {
  try {
    return { path, fd: openSync(path, 'wx', 0o600) };
  } catch {
    return undefined;
  }
}

function quietly(work: () => unknown): void {
  try {
    work();
  } catch {
    // A full disk, say. The migration matters more.
  }
}

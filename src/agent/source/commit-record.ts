import { closeSync, existsSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { onHost } from '../node/host.ts';
import { stagingDir } from '../node/install.ts';

/**
 * Writes down, safe from a crash, that the target may run from now on and the source never again.
 * Whoever finds a frozen pod on this node reads here whether it may be thawed.
 */
export function writeCommitRecord(migration: string, podUid: string): void {
  const record = openSync(onHost(`${stagingDir(migration)}/committed`), 'w', 0o600);
  try {
    writeSync(record, `${JSON.stringify({ migration, pod: podUid, at: new Date().toISOString() })}\n`);
    fsyncSync(record);
  } finally {
    closeSync(record);
  }
}

export function hasCommitRecord(migration: string): boolean {
  return existsSync(onHost(`${stagingDir(migration)}/committed`));
}

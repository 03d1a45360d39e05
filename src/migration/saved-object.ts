import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pod } from '../kube/types.ts';

/** A pod's object on disk, for the moment in which no cluster has it. */
export interface SavedObject {
  /** Undefined when it could not be written. */
  readonly path: string | undefined;
  readonly write: (pod: Pod) => void;
  readonly remove: () => void;
}

/**
 * Keeps what is about to be deleted and made again: whatever ends us between the two, a person can make it with
 * `kubectl create -f`. Best effort; only its user can read it.
 */
export function saveObject(pod: Pod, migration: string): SavedObject {
  const path = join(tmpdir(), `kubectl-migrate-${pod.metadata.namespace}-${pod.metadata.name}-${migration}.json`);
  const write = (object: Pod, flags: 'w' | 'wx'): boolean => {
    try {
      const file = openSync(path, flags, 0o600);
      try {
        writeSync(file, `${JSON.stringify(object, null, 2)}\n`);
      } finally {
        closeSync(file);
      }
      return true;
    } catch {
      return false; // a full disk, say
    }
  };
  // Others may write into that folder: the first time it must be a new file, and is ours from then on.
  if (!write(pod, 'wx')) return { path: undefined, write: () => undefined, remove: () => undefined };
  return { path, write: (object) => void write(object, 'w'), remove: () => rmSync(path, { force: true }) };
}

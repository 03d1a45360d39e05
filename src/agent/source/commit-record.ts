import { closeSync, fsyncSync, openSync, readFileSync, readdirSync, renameSync, writeSync } from 'node:fs';
import { onHost } from '../node/host.ts';
import { migrationsDir, stagingDir } from '../node/install.ts';

/**
 * What was decided about a source for good; the file can be made only once, so whoever comes second finds it decided. The one
 * way back is {@link revokeCommit}.
 */
type Decision = 'committed' | 'aborted';

/**
 * Writes down, safe from a crash, that the target may run from now on and the source never again.
 * Whoever finds a frozen pod on this node reads here whether it may be thawed.
 *
 * @throws Error when another agent has decided that the source runs on
 */
export function writeCommitRecord(migration: string, podUid: string): void {
  if (decide(migration, 'committed', podUid) !== 'committed') throw new Error('another agent has taken the migration back');
}

/** For an agent that takes over from one of which it does not know whether it is dead. @returns what holds from now on */
export function abortUnlessCommitted(migration: string, podUid: string): Decision {
  return decide(migration, 'aborted', podUid);
}

/**
 * Takes back a commit of which the target does not know: its agent has told that it never ran, and that it would not any
 * more. Nobody else may know that.
 */
export function revokeCommit(migration: string, podUid: string): void {
  const path = onHost(`${stagingDir(migration)}/decision`);
  const draft = openSync(`${path}.draft`, 'w', 0o600);
  try {
    write(draft, { decision: 'aborted', migration, pod: podUid });
  } finally {
    closeSync(draft);
  }
  renameSync(`${path}.draft`, path);
}

function decide(migration: string, decision: Decision, podUid: string): Decision {
  const path = onHost(`${stagingDir(migration)}/decision`);
  let record: number;
  try {
    record = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // One that its agent could not finish counts as committed: that side is the safe one.
    return readFileSync(path, 'utf8').includes('"aborted"') ? 'aborted' : 'committed';
  }
  try {
    write(record, { decision, migration, pod: podUid });
  } finally {
    closeSync(record);
  }
  return decision;
}

function write(file: number, record: { decision: Decision; migration: string; pod: string }): void {
  writeSync(file, `${JSON.stringify({ ...record, at: new Date().toISOString() })}\n`);
  fsyncSync(file);
}

/** The migration that has handed that pod over for good, if there was one: its processes here must never run again. */
export function handedOverBy(podUid: string): string | undefined {
  return readdirSync(onHost(migrationsDir)).find((migration) => {
    try {
      const { decision, pod } = JSON.parse(readFileSync(onHost(`${stagingDir(migration)}/decision`), 'utf8')) as {
        decision: Decision;
        pod: string;
      };
      return decision === 'committed' && pod === podUid;
    } catch {
      return false; // nothing was decided there
    }
  });
}

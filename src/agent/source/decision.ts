import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** What was decided about a source for good. */
export type Decision = 'committed' | 'aborted';

/**
 * Writes down that the target may run from now on and the source never again, unless the source guard has decided otherwise
 * (native/guard.c decides `aborted`, and only it does). The file is whole when it gets its name, and gets it only once.
 *
 * @param folder of the claim
 * @returns what holds from now on. @throws Error when nothing could be decided
 */
export function decideCommit(folder: string, migration: string, pod: string): Decision {
  const draft = writeDraft(folder, { decision: 'committed', migration, pod });
  try {
    linkSync(draft, `${folder}/decision`);
    return 'committed';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return decisionIn(folder) ?? 'committed';
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * The one exception: rolls back a commit of which the target does not know. Its agent has told that it never ran, and that it
 * would not any more; nobody else may know that.
 */
export function revokeCommit(folder: string, migration: string, pod: string): void {
  renameSync(writeDraft(folder, { decision: 'aborted', migration, pod }), `${folder}/decision`);
}

/** One that cannot be read counts as committed: that side is the safe one. @returns undefined when nothing is decided */
export function decisionIn(folder: string): Decision | undefined {
  try {
    return readFileSync(`${folder}/decision`, 'utf8').includes('"aborted"') ? 'aborted' : 'committed';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return 'committed';
  }
}

function writeDraft(folder: string, record: { decision: Decision; migration: string; pod: string }): string {
  const draft = `${folder}/.decision.${process.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(draft, `${JSON.stringify({ ...record, at: new Date().toISOString() })}\n`, { mode: 0o600 });
  return draft;
}

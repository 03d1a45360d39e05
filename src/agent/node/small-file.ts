import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Small files that others read at any moment: they are there as a whole, or not at all. */
export function putFile(path: string, content: string): void {
  const draft = draftBeside(path, content);
  renameSync(draft, path);
}

/** @returns whether it is ours now: false when somebody else was quicker, whose content stays */
export function makeFile(path: string, content: string): boolean {
  const draft = draftBeside(path, content);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    removeDraft(draft);
  }
}

/** What is linked is there, whatever becomes of its draft. */
function removeDraft(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch {
    // goes with its folder
  }
}

/** Its name begins with a dot: nobody takes it for anything. */
function draftBeside(path: string, content: string): string {
  const draft = `${dirname(path)}/.draft-${process.pid}-${Math.random().toString(36).slice(2)}`;
  writeFileSync(draft, content, { flag: 'wx', mode: 0o600 });
  return draft;
}

import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until the answer is yes. @throws Error naming what was waited for, at the deadline */
export async function until(what: string, deadlineMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs / 1000} s for ${what}, in vain`);
    await delay(200);
  }
}

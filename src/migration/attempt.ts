import { TakenOver } from './helpers/session.ts';

/** Does what must not keep others from being done. @returns why it could not be, for a person; @throws TakenOver */
export async function attempt(what: string, work: () => Promise<unknown>): Promise<string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (error instanceof TakenOver) throw error;
    return [`${what}: ${(error as Error).message}`];
  }
}

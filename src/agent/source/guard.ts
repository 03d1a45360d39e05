import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { nodeDir, onNode, runOutlivingUs, startOutlivingUs } from '../node/host.ts';
import type { Claim } from './claim.ts';

/** What a guard found decided, and saw to: all runs again, or all stays frozen. */
export type FreezeEnd = 'thawed' | 'committed';

const program = `${nodeDir}/guard`;
const startMs = 10_000;

/**
 * The source guard of one freeze (native/guard.c), outside of the helper's cgroup and fate: it ends the freeze when this agent is
 * gone, when the budget is used up, or when it is told to. Whoever wants the pod to run again asks it; nothing here thaws.
 */
export class SourceGuard {
  /** When the freeze has ended. Rejects when something still stands, or the guard itself has died. */
  readonly ended: Promise<FreezeEnd>;
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  #onLine: () => void = () => undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdin?.on('error', () => undefined); // its exit code says it
    if (!child.stdout) throw new Error('the source guard has no output');
    const lines = createInterface(child.stdout).on('line', (line) => {
      this.#said.push(line);
      this.#onLine();
    });
    this.ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(([[code]]) => {
      this.#onLine();
      return endOf(code as number | null, this.#said);
    });
    this.ended.catch(() => undefined);
  }

  /**
   * Starts the guard. The claim's list of what is to be frozen is read by it whenever it thaws.
   *
   * @param budgetMs how long the pod may stand still, from {@link frozen} on
   * @throws Error when it does not come up; nothing may be frozen then
   */
  static async start(claim: Claim, staging: string, budgetMs: number): Promise<SourceGuard> {
    const guard = new SourceGuard(startOutlivingUs([program, 'watch', onNode(claim.folder), staging, String(Math.round(budgetMs))]));
    const ready = await guard.#says(/^ready (\d+)$/, scaled(startMs));
    claim.guard = Number(ready[1]);
    return guard;
  }

  /** To be said before anything is frozen: the budget runs. */
  frozen(): void {
    this.#tell('frozen');
  }

  /** Has everything run for another try. The budget begins anew with the next {@link frozen}. @throws Error when something stands */
  async again(): Promise<void> {
    this.#tell('again');
    await this.#says(/^again$/, scaled(startMs));
  }

  /** @throws Error naming what still stands */
  async abort(): Promise<FreezeEnd> {
    this.#tell('abort');
    return await this.ended;
  }

  /** It has nothing to guard any more: all stays frozen. */
  committed(): void {
    this.#tell('committed');
  }

  #tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async #says(wanted: RegExp, deadlineMs: number): Promise<RegExpExecArray> {
    const said = new Promise<RegExpExecArray>((resolve, reject) => {
      this.#onLine = () => {
        const last = this.#said.at(-1) ?? '';
        const found = wanted.exec(last);
        if (found) resolve(found);
        else if (last.startsWith('failed ')) reject(new Error(last.slice('failed '.length)));
      };
      this.ended.then(
        (end) => reject(new Error(`the source guard ended the freeze: ${end}`)),
        (error: unknown) => reject(error as Error),
      );
    });
    const late = new AbortController();
    const timeout = delay(deadlineMs, undefined, { signal: late.signal }).then(
      () => Promise.reject(new Error(`the source guard does not answer within ${deadlineMs / 1000} s`)),
      () => said,
    );
    return await Promise.race([said, timeout]).finally(() => late.abort());
  }
}

/**
 * Ends a freeze in the place of an agent that may be dead: takes the decision unless it is taken, and has everything run.
 *
 * @throws Error naming what still stands
 */
export async function endFreeze(claim: Claim, staging: string): Promise<FreezeEnd> {
  const { code, stdout, stderr } = await runOutlivingUs('/', [program, 'thaw', onNode(claim.folder), staging]);
  return endOf(code, [...stdout.split('\n'), ...stderr.split('\n')]);
}

/**
 * Ends all frozen processes of a source that has committed; not one of them comes to another instruction.
 *
 * @throws Error naming what is left
 */
export async function killFrozen(claim: Claim): Promise<void> {
  const { code, stdout, stderr } = await runOutlivingUs('/', [program, 'kill', onNode(claim.folder)]);
  if (code !== 0) throw new Error(`the source's processes are not all ended: ${wordsOf([...stdout.split('\n'), ...stderr.split('\n')])}`);
}

function endOf(code: number | null, said: readonly string[]): FreezeEnd {
  if (code === 0) return said.includes('committed') ? 'committed' : 'thawed';
  if (code === 3) return 'committed';
  throw new Error(`the source guard could not let the pod run: ${wordsOf(said) || `it ended with ${code ?? 'a signal'}`}`);
}

function wordsOf(said: readonly string[]): string {
  return said
    .filter((line) => line !== '' && !line.startsWith('ready '))
    .map((line) => line.replace(/^failed /, ''))
    .join('; ');
}

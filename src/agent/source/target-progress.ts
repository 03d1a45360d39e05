import type { PeerMessage } from '../../protocol/frames.ts';

export type TargetStage = Extract<PeerMessage, { type: 'ready' }>['stage'];

/** What the source knows of the target: the stages it has reached, or that it has failed. */
export class TargetProgress {
  readonly #reached = new Set<TargetStage>();
  readonly #waiting = new Map<TargetStage, () => void>();
  readonly #failure: Promise<never>;
  #reject: (error: Error) => void = () => undefined;

  constructor() {
    this.#failure = new Promise<never>((_resolve, reject) => {
      this.#reject = reject;
    });
    this.#failure.catch(() => undefined);
  }

  onMessage(message: PeerMessage): void {
    if (message.type === 'failed') this.fail(new Error(message.message));
    if (message.type !== 'ready') return;
    this.#reached.add(message.stage);
    this.#waiting.get(message.stage)?.();
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  /** The work's result, unless the target fails first. */
  async unlessItFails<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.#failure]);
  }

  /**
   * @param deadlineMs without one it is waited until somebody fails it
   * @throws Error with the target's reason, or when it takes longer
   */
  async reaches(stage: TargetStage, deadlineMs?: number): Promise<void> {
    if (this.#reached.has(stage)) return;
    let timer: NodeJS.Timeout | undefined;
    const reached = new Promise<void>((resolve, reject) => {
      this.#waiting.set(stage, resolve);
      if (deadlineMs === undefined) return;
      timer = setTimeout(() => reject(new Error(`the target did not get to "${stage}" within ${deadlineMs / 1000} s`)), deadlineMs);
    });
    try {
      await this.unlessItFails(reached);
    } finally {
      clearTimeout(timer);
    }
  }
}

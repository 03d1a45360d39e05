import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { nodeNamed, nodes } from '../bed/layout.ts';
import { fileOfNode } from '../bed/node.ts';
import { allBelow, textOf } from './look.ts';
import type { Mark } from './windows.ts';

const lookEveryMs = 4;

/** Notes when each mark of a migration is seen for the first time. */
export class Watch {
  readonly seen = new Map<Mark, number>();
  readonly #waiting = new Map<Mark, () => void>();
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  private constructor(command: ChildProcess, look: () => void) {
    if (command.stdout) createInterface(command.stdout).on('line', (line) => this.#hear(line));
    this.#timer = setInterval(look, lookEveryMs);
    command.once('close', () => this.#settle());
  }

  /** @param command `kubectl migrate … --events` @param containers how many of the pod's are restored */
  static async of(command: ChildProcess, containers: number): Promise<Watch> {
    const source = await fileOfNode(nodeNamed('home-1'), '');
    const targets = await Promise.all(nodes.filter(({ cluster }) => cluster === 'away').map(async (node) => fileOfNode(node, '')));
    const watch: Watch = new Watch(command, () => {
      if (targets.some((root) => isAllHeld(root, containers))) watch.#see('all held');
      if (isDecided(source, 'pods', '"committed"')) watch.#see('source decided');
      if (targets.some((root) => isDecided(root, 'held', 'go'))) watch.#see('target decided');
    });
    return watch;
  }

  /** Fulfilled as soon as it is seen; also when the command ends without it. */
  async until(mark: Mark): Promise<void> {
    if (this.seen.has(mark) || this.#isOver) return;
    await new Promise<void>((resolve) => this.#waiting.set(mark, resolve));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #hear(line: string): void {
    const event = JSON.parse(line) as { type?: string; step?: string; stage?: string };
    if (event.type === 'step-started') this.#see(`step ${event.step}` as Mark);
    else if (event.type === 'stage') this.#see(`stage ${event.stage}` as Mark);
    else if (event.type === 'result') this.#see('result');
  }

  #see(mark: Mark): void {
    if (this.seen.has(mark)) return;
    this.seen.set(mark, performance.timeOrigin + performance.now());
    this.#waiting.get(mark)?.();
  }

  #settle(): void {
    this.#isOver = true;
    for (const resolve of this.#waiting.values()) resolve();
  }
}

/** Every restored container stands frozen: its freezer is named in the target's own notes. */
function isAllHeld(root: string, containers: number): boolean {
  const frozen = allBelow(`${root}/run/kubectl-migrate/held`)
    .filter((file) => /\/[0-9a-f]{64}$/.test(file) && !file.includes('/by-id/'))
    .filter((file) => {
      const [folder = ''] = textOf(file).split('\n');
      return folder !== '' && textOf(`${root}${folder}/freezer.state`).startsWith('FROZEN');
    });
  return frozen.length === containers;
}

function isDecided(root: string, kind: 'pods' | 'held', word: string): boolean {
  return allBelow(`${root}/run/kubectl-migrate/${kind}`).some((file) => file.endsWith('/decision') && textOf(file).includes(word));
}

import { Agent, request, type ClientRequest } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * `client.ts HOST PORT`: asks an HTTP server from where it is started, in each of {@link kinds} at once, and counts. A line `to HOST` on
 * standard input sends what begins from then on there; when that input ends, nothing new is asked, what is under way is waited
 * for, and a {@link Counts} is printed. Times are by the clock of day.
 */
export interface Counts {
  readonly [kind: string]: Count;
}

/** Of all requests of one kind. */
export interface Count {
  readonly asked: number;
  readonly answered: number;
  /** How many ended otherwise, by the error's code; those of {@link hangs} are not among them. */
  readonly failed: Readonly<Record<string, number>>;
  /** How many got neither an answer nor an error for as long as a client waits. */
  readonly hangs: number;
  /** The longest that an answered request took, less what it asked for, ms. */
  readonly longestMs: number;
  /** The longest time between two answers, in the order of their coming, ms. */
  readonly silenceMs: number;
  /** What the server called itself (test/workloads/web.c): more than one when there was a second program. */
  readonly births: readonly string[];
  /** When the first and the last of those that failed or hung had begun, if any did; ms since 1970. */
  readonly troubled: readonly [number, number] | null;
}

/** For so long a client of ours waits, from before it has a connection on: longer than a pod of ours stands still on a slow machine. */
const patienceMs = 30_000;

interface Kind {
  readonly name: string;
  /** How many ask independently of each other. */
  readonly askers: number;
  /** Each begins a request so often, whatever became of the one before; with a kept connection it waits for that. */
  readonly everyMs: number;
  /** How long the server is to take. */
  readonly takesMs: number;
  readonly isKept: boolean;
}

const kinds: readonly Kind[] = [
  { name: 'fresh', askers: 1, everyMs: 20, takesMs: 0, isKept: false },
  { name: 'kept', askers: 2, everyMs: 40, takesMs: 0, isKept: true },
  { name: 'slow', askers: 1, everyMs: 200, takesMs: 2_000, isKept: false },
];

class Tally {
  #asked = 0;
  #answered = 0;
  readonly #failed: Record<string, number> = {};
  #hangs = 0;
  #longestMs = 0;
  #silenceMs = 0;
  #lastAt = 0;
  readonly #births = new Set<string>();
  #troubled: [number, number] | null = null;

  asks(): void {
    this.#asked++;
  }

  answers(begun: number, takesMs: number, body: string): void {
    const now = Date.now();
    this.#answered++;
    this.#longestMs = Math.max(this.#longestMs, now - begun - takesMs);
    if (this.#lastAt > 0) this.#silenceMs = Math.max(this.#silenceMs, now - this.#lastAt);
    this.#lastAt = now;
    this.#births.add(body.split(' ')[0] ?? '');
  }

  fails(begun: number, code: string): void {
    this.#failed[code] = (this.#failed[code] ?? 0) + 1;
    this.#trouble(begun);
  }

  hangs(begun: number): void {
    this.#hangs++;
    this.#trouble(begun);
  }

  count(): Count {
    return {
      asked: this.#asked,
      answered: this.#answered,
      failed: this.#failed,
      hangs: this.#hangs,
      longestMs: this.#longestMs,
      silenceMs: this.#silenceMs,
      births: [...this.#births],
      troubled: this.#troubled,
    };
  }

  #trouble(begun: number): void {
    this.#troubled ??= [begun, begun];
    this.#troubled = [Math.min(this.#troubled[0], begun), Math.max(this.#troubled[1], begun)];
  }
}

const [host = '', port = '80'] = process.argv.slice(2);
let current = host;
const end = new AbortController();

/** Resolves when the request has come to one of its ends. */
async function ask(tally: Tally, { takesMs }: Kind, agent: Agent | false): Promise<void> {
  tally.asks();
  const begun = Date.now();
  await new Promise<void>((resolve) => {
    let isHanging = false;
    const asked: ClientRequest = request({ host: current, port, path: `/?ms=${takesMs}`, agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        clearTimeout(timer);
        tally.answers(begun, takesMs, body);
        resolve();
      });
      response.on('error', trouble);
    });
    const timer = setTimeout(() => {
      isHanging = true;
      asked.destroy();
    }, patienceMs + takesMs);
    function trouble(error: NodeJS.ErrnoException): void {
      clearTimeout(timer);
      if (isHanging) tally.hangs(begun);
      else tally.fails(begun, error.code ?? error.message);
      resolve();
    }
    asked.on('error', trouble).end();
  });
}

async function askOn(tally: Tally, kind: Kind): Promise<void> {
  const agent = kind.isKept && new Agent({ keepAlive: true, maxSockets: 1 });
  const underway = new Set<Promise<void>>();
  for (let next = Date.now(); !end.signal.aborted; next = Math.max(next + kind.everyMs, Date.now() - kind.everyMs)) {
    await delay(Math.max(0, next - Date.now()));
    const asked = ask(tally, kind, agent).finally(() => underway.delete(asked));
    underway.add(asked);
    if (kind.isKept) await asked;
  }
  await Promise.all(underway);
  if (agent) agent.destroy();
}

createInterface(process.stdin)
  .on('line', (line) => {
    const [verb, where = ''] = line.split(' ');
    if (verb === 'to') current = where;
  })
  .on('close', () => end.abort());
const counts = await Promise.all(
  kinds.map(async (kind) => {
    const tally = new Tally();
    await Promise.all(Array.from({ length: kind.askers }, async () => askOn(tally, kind)));
    return [kind.name, tally.count()] as const;
  }),
);
process.stdout.write(`${JSON.stringify(Object.fromEntries(counts))}\n`);

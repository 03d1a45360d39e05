import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { plainSegment } from '../../protocol/names.ts';
import { hostProc } from '../node/host.ts';
import { isAlive, ownId, processId, type ProcessId } from '../proc/alive.ts';
import { decisionIn, decideCommit, revokeCommit, type Decision } from './decision.ts';

/** Who moves a pod. */
export interface Holder extends ProcessId {
  readonly migration: string;
  /** Where to: the virtual node's name. */
  readonly to: string;
  /** When it began, ISO 8601. */
  readonly since: string;
}

/**
 * A pod is moved by one migration at a time, whoever asks: this is its claim on the source's node, and the one place of all that
 * has to be known of a pod that stands still, by whoever comes after its agent. The folder PODS/UID holds the claims of that pod,
 * numbered; the highest counts. Each is a folder that is there as a whole or not at all:
 *
 *   claim     who holds it (a Holder)
 *   decision  see decision.ts
 *   frozen    one line a container: NAME, ID, PID of its first process, freezer folder; written before anything is frozen
 *   signals   of every thread at the freeze
 *   record    what a command needs that goes on in the place of another
 *   guard     the source guard's process
 *   stopped   the signal by which the runtime was asked to stop a container that stands still (native/source.c)
 *   relay, relay-to, relay-over   see native/relay.c
 */
export class Claim {
  /** As this process sees it. */
  readonly folder: string;
  readonly holder: Holder;

  private constructor(folder: string, holder: Holder) {
    this.folder = folder;
    this.holder = holder;
  }

  /**
   * Takes the claim of a pod. One that was left by a dead agent is handed to `release` first, which must see to it that the pod
   * runs; one that has committed is never taken.
   *
   * @param pods the folder of all claims
   * @returns the claim of another migration when it is that one's, and stays so
   */
  static async take(
    pods: string,
    pod: string,
    { migration, to }: Pick<Holder, 'migration' | 'to'>,
    release: (dead: Claim) => Promise<void>,
    proc = hostProc,
  ): Promise<{ mine: Claim } | { held: Claim }> {
    const home = `${pods}/${plainSegment(pod, 'pod UID')}`;
    const holder: Holder = { migration, to, since: new Date().toISOString(), ...ownId(proc) };
    const found = Claim.of(pods, pod);
    if (found?.holder.migration === migration)
      return { mine: found.#handTo({ ...holder, to: to || found.holder.to, since: found.holder.since }) };
    if (found && (found.decision === 'committed' || isAlive(found.holder, proc))) return { held: found };
    if (found) await release(found);
    // Of many who find the same one dead, one gets the next number; of many who find none, one gets the folder. A number is never
    // used again: an agent that wakes up late writes nothing into the claim of another.
    const next = `${home}/${found ? Number(basename(found.folder)) + 1 : Date.now()}`;
    if (!found) removeRests(home);
    const draft = `${pods}/.draft-${holder.pid}-${Math.random().toString(36).slice(2)}`;
    const drafted = found ? draft : `${draft}/${basename(next)}`;
    mkdirSync(drafted, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(`${drafted}/claim`, JSON.stringify(holder), { mode: 0o600 });
      renameSync(draft, found ? next : home); // only onto what is not there, or is empty
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
      return await Claim.take(pods, pod, { migration, to }, release, proc);
    }
    for (const other of numbered(home).filter((name) => `${home}/${name}` !== next)) {
      const claim = Claim.#in(`${home}/${other}`);
      // It came between, when the one that was found had gone altogether: it was there before ours.
      if (claim && isAlive(claim.holder, proc)) {
        rmSync(next, { recursive: true });
        return { held: claim };
      }
      rmSync(`${home}/${other}`, { recursive: true, force: true });
    }
    return { mine: new Claim(next, holder) };
  }

  /** The claim of a pod that counts, if there is one. */
  static of(pods: string, pod: string): Claim | undefined {
    const home = `${pods}/${plainSegment(pod, 'pod UID')}`;
    return Claim.#in(`${home}/${numbered(home).at(-1)}`);
  }

  static #in(folder: string): Claim | undefined {
    try {
      return new Claim(folder, JSON.parse(readFileSync(`${folder}/claim`, 'utf8')) as Holder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
      return undefined;
    }
  }

  get pod(): string {
    return basename(dirname(this.folder));
  }

  get decision(): Decision | undefined {
    return decisionIn(this.folder);
  }

  commit(): Decision {
    return decideCommit(this.folder, this.holder.migration, this.pod);
  }

  /** Without effect when the target was heard to run: whoever says that it never did is wrong. */
  revoke(): void {
    if (this.read('running') !== undefined) return;
    revokeCommit(this.folder, this.holder.migration, this.pod);
  }

  write(name: 'frozen' | 'signals' | 'record' | 'running' | 'guard' | 'relay-to' | 'relay-over', content: string): void {
    const draft = `${this.folder}/.${name}`;
    writeFileSync(draft, content, { mode: 0o600 });
    renameSync(draft, `${this.folder}/${name}`);
  }

  /** @returns undefined when nobody has written it */
  read(name: 'frozen' | 'record' | 'running' | 'guard' | 'stopped'): string | undefined {
    try {
      return readFileSync(`${this.folder}/${name}`, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }
  }

  /** The source guard that watches this freeze. */
  set guard(pid: number) {
    this.write('guard', JSON.stringify(processId(pid)));
  }

  get isGuarded(): boolean {
    const guard = this.read('guard');
    return guard !== undefined && isAlive(JSON.parse(guard) as ProcessId);
  }

  /** Nothing of the pod depends on it any more. */
  remove(): void {
    rmSync(`${this.folder}/claim`, { force: true });
    rmSync(this.folder, { recursive: true, force: true });
    const pods = dirname(dirname(this.folder));
    for (const folder of [dirname(this.folder), pods, dirname(pods)]) {
      try {
        rmdirSync(folder);
      } catch {
        return; // there is another claim, of this pod or of another
      }
    }
  }

  /** To another agent of the same migration: it decides by the same files, so it does not matter whether the first one is dead. */
  #handTo(holder: Holder): Claim {
    const draft = `${this.folder}/.claim-${holder.pid}`;
    writeFileSync(draft, JSON.stringify(holder), { mode: 0o600 });
    renameSync(draft, `${this.folder}/claim`);
    return new Claim(this.folder, holder);
  }
}

/** A claim without its file is one that is being taken away, or whose agent died while it did that. */
function removeRests(home: string): void {
  for (const name of numbered(home)) if (!existsSync(`${home}/${name}/claim`)) rmSync(`${home}/${name}`, { recursive: true, force: true });
}

function numbered(home: string): string[] {
  try {
    return readdirSync(home)
      .filter((name) => /^\d+$/.test(name))
      .sort((a, b) => Number(a) - Number(b));
  } catch {
    return [];
  }
}

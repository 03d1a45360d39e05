import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { plainSegment } from '../../protocol/names.ts';
import { bootMs } from '../node/boot-clock.ts';
import { onHost, runDir } from '../node/host.ts';
import { makeFile, putFile } from '../node/small-file.ts';

export type Decision = 'go' | 'kill';

/**
 * The folder by which agent, hooks, keepers and the runtime wrapper know what they know of the restored containers of one
 * migration (native/held.h). It is in memory: a reboot takes it away together with the containers.
 */
export class HeldFiles {
  /** On the node. */
  readonly folder: string;

  constructor(migration: string) {
    this.folder = `${runDir}/held/${plainSegment(migration, 'migration id')}`;
  }

  make(): void {
    mkdirSync(onHost(this.folder), { recursive: true, mode: 0o700 });
  }

  get isThere(): boolean {
    return existsSync(onHost(this.folder));
  }

  /** From here on its restore may be under way; `container` is for whoever takes over from us. */
  begin(id: string, container: string): void {
    putFile(this.#path(`${plainSegment(id, 'container id')}.begun`), container);
  }

  /** IDs of all containers whose restore may have begun. */
  begun(): string[] {
    try {
      const names = readdirSync(onHost(this.folder));
      return names.filter((name) => name.endsWith('.begun')).map((name) => name.slice(0, -'.begun'.length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Until so many ms from now a keeper waits for us, should we die. */
  renewLease(ms: number): void {
    putFile(this.#path('deadline'), String(bootMs() + ms));
  }

  /** Whether keepers would wait no longer; not when none was ever told to wait. */
  get isLeaseOver(): boolean {
    const deadline = this.#read('deadline');
    return deadline !== undefined && bootMs() > Number(deadline);
  }

  /** Whether the pod ever runs here: made once, by us or by a keeper. @returns what is decided now */
  decide(wanted: Decision): Decision {
    return makeFile(this.#path('decision'), wanted) ? wanted : (this.decision() ?? wanted);
  }

  decision(): Decision | undefined {
    const text = this.#read('decision');
    return text === 'go' || text === 'kill' ? text : undefined;
  }

  /** The folder of a container's freezer cgroup on the node, as its hook found it; undefined before, and when it found none. */
  folderOf(id: string): string | undefined {
    return cgroupFolder(this.#read(plainSegment(id, 'container id'))?.split('\n')[0]);
  }

  /** The same of the pod, which all its containers are in. */
  folderOfPod(): string | undefined {
    return cgroupFolder(this.#read('pod'));
  }

  /** Whether the runtime was asked to stop that container. */
  wasStopped(id: string): boolean {
    return this.#read(`${id}.killed`) !== undefined;
  }

  /** When no keeper is at work any more. */
  remove(): void {
    for (const id of this.begun()) rmSync(onHost(`${runDir}/held/by-id/${id}`), { force: true });
    rmSync(onHost(this.folder), { recursive: true, force: true });
    for (const folder of [`${runDir}/held/by-id`, `${runDir}/held`, runDir]) removeIfEmpty(onHost(folder));
  }

  #path(name: string): string {
    return onHost(`${this.folder}/${name}`);
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(this.#path(name), 'utf8').trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function cgroupFolder(path: string | undefined): string | undefined {
  return path?.startsWith('/sys/fs/cgroup/') === true ? path : undefined;
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // another migration's is in it, or has gone first
  }
}

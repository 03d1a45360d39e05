/** So many clients who all ask for the same, one request after the other each. */
export interface Crowd {
  readonly name: string;
  readonly url: string;
  /** What the Host header says, where it is not the URL's own. */
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** GET if left out, which a proxy may send again by itself when a connection ends without an answer. */
  readonly method?: 'POST';
  readonly clients: number;
  /** Between an answer and the next request of the same client. */
  readonly pauseMs: number;
  /** A connection for each request, or one for each client for as long as it holds. */
  readonly connections: 'fresh' | 'kept';
  /** A request that has no answer by then hangs, and is given up. */
  readonly limitMs: number;
}

export interface Load {
  readonly crowds: readonly Crowd[];
}

/** What a function of test/workloads says. */
export interface Answer {
  readonly id: string;
  readonly count: number;
}

export interface Failure {
  /** When the request was sent, ms since 1970. */
  readonly ms: number;
  readonly tookMs: number;
  readonly crowd: string;
  readonly kind: string;
}

export interface CrowdReport {
  readonly sent: number;
  readonly good: number;
  /** Those that failed, by kind; those that hung are among them. */
  readonly failed: Readonly<Record<string, number>>;
  readonly hung: number;
  /** The longest time without a good answer, from the crowd's first request to its last answer. */
  readonly longestSilenceMs: number;
  /** When that began, ms since 1970. */
  readonly silentSinceMs: number;
  readonly slowestMs: number;
  readonly connections: number;
}

export interface InstanceReport {
  readonly answers: number;
  readonly first: number;
  readonly last: number;
  /** How many counts between the first and the last nobody was told. */
  readonly missing: number;
}

export interface LoadReport {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly crowds: Readonly<Record<string, CrowdReport>>;
  /** By the identity that each was born with. */
  readonly instances: Readonly<Record<string, InstanceReport>>;
  readonly failures: readonly Failure[];
  /** What no instance says that is one and keeps its memory. */
  readonly faults: readonly string[];
  /**
   * How many counts nobody was told beyond one for each request that failed: such a request may have been counted. A proxy that
   * repeats requests by itself has counts lost, too.
   */
  readonly lost: number;
}

/** How a pod's requests are kept away and waited for before it is frozen. Plain JSON. */
export interface Quiescing {
  /** Who tells whether a request is in flight. */
  readonly by: 'queue-proxy';
  /** The Endpoints by which requests come, and the Service that they belong to: both have one name. */
  readonly endpoints: string;
  readonly limitMs: number;
}

/** For a person. */
export function quiesceText({ endpoints, limitMs }: Quiescing): string {
  const most = `${limitMs / 1000} s at the most`;
  return `its address is taken out of Endpoints ${endpoints} until its queue-proxy has no request in flight, for ${most}`;
}

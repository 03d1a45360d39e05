import type { AgentCalls } from '../protocol/agent-calls.ts';

type Handler<Name extends keyof AgentCalls> = (params: AgentCalls[Name]['params']) => Promise<AgentCalls[Name]['result']>;

/** The calls that one end of a migration answers; those of every agent are the daemon's own. */
export type EndCalls = { readonly [Name in Exclude<keyof AgentCalls, 'hello' | 'attend'>]?: Handler<Name> };

/** One end of a migration, as the daemon serves it. */
export interface MigrationEnd {
  readonly calls: EndCalls;
  /** For a person. */
  readonly state: () => string;
  /** Nobody attends any more, or the helper is being ended: whatever is not committed is rolled back, as far as one end can. */
  readonly abandon: (reason: string) => Promise<void>;
}

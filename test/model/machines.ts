import { next as sourceNext } from '../../src/agent/source/machine.ts';
import { factOf, next as targetNext } from '../../src/agent/target/machine.ts';
import { settle } from '../../src/protocol/settle.ts';

/** The functions that decide, as the agents and the command run them. */
export interface Machines {
  readonly settle: typeof settle;
  readonly sourceNext: typeof sourceNext;
  readonly targetNext: typeof targetNext;
  readonly factOf: typeof factOf;
}

export const machines: Machines = { settle, sourceNext, targetNext, factOf };

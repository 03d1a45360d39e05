import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';

// Runs before each file of tests on the bed, which bed-up.ts has come up.
const outcome = inject('bedOutcome');
while (!existsSync(outcome)) await delay(200);
const failure = readFileSync(outcome, 'utf8');
if (failure !== '') throw new Error(`the bed is not up: ${failure}`);

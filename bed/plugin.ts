import { createRequire } from 'node:module';
import { programFile } from '../release/program-file.ts';

// What the bed calls kubectl-migrate: this checkout's, as it is now.
createRequire(import.meta.url)(await programFile());

import { createRequire, enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { cacheRoot } from '../build/cache.ts';
import { programFile } from '../release/program-file.ts';

// What the bed calls kubectl-migrate: this checkout's, as it is now. Called often, so V8 keeps what it has compiled.
enableCompileCache(join(cacheRoot, 'v8'));
createRequire(import.meta.url)(await programFile());

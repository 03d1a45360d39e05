import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';

/**
 * `warm-up.ts PROGRAM OUTPUT`: runs the bundled program's help once, then writes V8's code cache of all that it has
 * compiled by then. Run by the Node.js of each platform, under an emulator if need be.
 */
const [program = '', output = ''] = process.argv.slice(2);
const script = new Script(readFileSync(program, 'utf8'), { filename: 'kubectl-migrate.cjs' });
process.argv = [process.execPath, 'kubectl-migrate', '--help'];
process.stdout.write = ((_text: unknown, done?: unknown) => {
  if (typeof done === 'function') setImmediate(done as () => void);
  return true;
}) as typeof process.stdout.write;
process.exit = (() => writeFileSync(output, script.createCachedData())) as unknown as typeof process.exit;
(script.runInThisContext() as (require: NodeJS.Require, module: { exports: unknown }) => void)(createRequire(import.meta.url), { exports: {} });

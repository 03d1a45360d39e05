import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { libraryScript, programScript, runScript, type ScriptName } from './scripts.ts';

/**
 * `warm-up.ts FOLDER`: runs the program's help once and loads its library, then writes V8's code cache of all that is
 * compiled by then, for each script beside it. Run by the Node.js of each platform, under an emulator if need be.
 */
const [folder = ''] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const scripts = new Map<ScriptName, Script>();
// Help asked for beside a word, because alone it does without the parser.
process.argv = [process.execPath, 'kubectl-migrate', 'pod', '--help'];
process.stdout.write = ((_text: unknown, done?: unknown) => {
  if (typeof done === 'function') setImmediate(done as () => void);
  return true;
}) as typeof process.stdout.write;
process.exit = (() => {
  runScript(libraryScript, compiled, require);
  for (const [name, script] of scripts) writeFileSync(join(folder, `${name}.cache`), script.createCachedData());
}) as unknown as typeof process.exit;
runScript(programScript, compiled, require);

function compiled(name: ScriptName): Script {
  const script = new Script(readFileSync(join(folder, name), 'latin1'), { filename: name });
  scripts.set(name, script);
  return script;
}

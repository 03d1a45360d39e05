import type { Script } from 'node:vm';

/** The whole command line but for the library below. */
export const programScript = 'kubectl-migrate.cjs';
/** `@kubernetes/client-node`, nine tenths of everything, which only credentials need. */
export const libraryScript = 'client-node.cjs';
export const scriptNames = [programScript, libraryScript] as const;
export type ScriptName = (typeof scriptNames)[number];

type Body = (require: (name: string) => unknown, module: { exports: unknown }) => void;

/** A CommonJS script as an expression that {@link runScript} can run. */
export function wrapped(text: string): string {
  return `(function (require, module) {${text}\n})`;
}

/** Runs a script, which may `require` another as a file beside it: once, however often it does. */
export function runScript(name: ScriptName, compiled: (name: ScriptName) => Script, builtin: (name: string) => unknown): void {
  const modules = new Map<ScriptName, { exports: unknown }>();
  const run = (script: ScriptName): unknown => {
    const known = modules.get(script);
    if (known) return known.exports;
    const module = { exports: {} };
    modules.set(script, module);
    (compiled(script).runInThisContext() as Body)(require, module);
    return module.exports;
  };
  const require = (wanted: string): unknown => {
    const other = scriptNames.find((one) => wanted === `./${one}`);
    return other ? run(other) : builtin(wanted);
  };
  run(name);
}

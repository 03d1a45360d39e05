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

/** Runs one of the scripts, which may `require` another as a file beside it. @returns what it exports */
export function runScript(name: ScriptName, compiled: (name: ScriptName) => Script, builtin: NodeJS.Require): unknown {
  const module = { exports: {} };
  const require = (wanted: string): unknown => {
    const other = scriptNames.find((one) => wanted === `./${one}`);
    return other ? runScript(other, compiled, builtin) : builtin(wanted);
  };
  (compiled(name).runInThisContext() as Body)(require, module);
  return module.exports;
}

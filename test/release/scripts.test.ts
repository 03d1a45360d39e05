import { Script } from 'node:vm';
import { expect, test } from 'vitest';
import { libraryScript, programScript, runScript, wrapped } from '../../release/scripts.ts';

test('a script that is required twice runs once, and both get the same of it', () => {
  const texts = {
    [programScript]: `require('./${libraryScript}').users.push('first'); require('./${libraryScript}').users.push(require('node:path').basename('a/second'));`,
    [libraryScript]: "globalThis.loaded.push('library'); module.exports = { users: globalThis.users };",
  };
  const seen = globalThis as unknown as { loaded: string[]; users: string[] };
  Object.assign(seen, { loaded: [], users: [] });
  runScript(
    programScript,
    (name) => new Script(wrapped(texts[name])),
    (name: string) => process.getBuiltinModule(name),
  );
  expect(seen.loaded).toEqual(['library']);
  expect(seen.users).toEqual(['first', 'second']);
});

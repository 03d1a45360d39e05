import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { insideBed, up } from '../../bed/bed.ts';
import { Results } from './results.ts';
import { runRaces } from './run.ts';
import { racesPage, racesTable } from './table.ts';

const usage = `usage: npm run test:races -- [--owner NAME]... [--tries N] [--delay MS]... [--table FILE]

  --owner NAME   only of this kind: statefulset, replicaset, job
  --tries N      how many there shall be of each, those included that this commit has run before (200)
  --delay MS     how long everything takes to the API server, and back (0, 20 and 100)
  --table FILE   write the page there that docs/ shows
`;

const { values } = parseArgs({
  options: {
    owner: { type: 'string', multiple: true, default: ['statefulset', 'replicaset', 'job'] },
    tries: { type: 'string', default: '200' },
    delay: { type: 'string', multiple: true, default: ['0', '20', '100'] },
    table: { type: 'string' },
    inside: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(usage);
else process.exitCode = values.inside ? await inside() : await outside();

/** The races themselves need the bed's network. */
async function outside(): Promise<number> {
  await up((line) => process.stderr.write(`${line}\n`));
  const { command, env } = await insideBed([process.execPath, import.meta.filename, '--inside', ...process.argv.slice(2)]);
  const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, ...env }, stdio: 'inherit' });
  return await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

async function inside(): Promise<number> {
  const results = await Results.ofCommit();
  const plan = { owners: values.owner, delaysMs: values.delay.map(Number), tries: Number(values.tries) };
  await runRaces(plan, results, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(racesTable(results.all));
  if (values.table !== undefined) writeFileSync(values.table, racesPage(results.all));
  return results.all.every(({ tries }) => tries.every(({ faults }) => faults.length === 0)) ? 0 : 1;
}

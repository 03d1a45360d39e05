import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { up } from '../bed/bed.ts';
import { cases, spreadOf, type Case, type Spread } from './cases.ts';
import { measureClients, type ClientsMet } from './clients.ts';
import { measureFloor } from './floor.ts';
import { measureMove, type Move } from './move.ts';
import { measurePipeline, type PipelineRun } from './pipeline.ts';
import { measureWrapper, wrapperRounds, wrapperTargetMicroseconds, type WrapperCost } from './wrapper.ts';
import { measureStartup, startupRuns, startupTargetsMs, type Startup } from './startup.ts';

interface Result {
  readonly name: string;
  readonly frozenMs: Spread;
  readonly silenceMs: Spread;
  readonly totalMs: Spread;
  readonly bytes: number;
  readonly floorMs: Spread;
  /** Not with --quick. */
  readonly pipelineFrozenMs?: Spread;
  readonly pipelineTotalMs?: Spread;
}

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    // Instead of all else what clients meet with, perhaps also by another checkout of this project.
    clients: { type: 'boolean', default: false },
    against: { type: 'string' },
  },
});
const runs = Number(values.runs ?? (values.quick ? 3 : 5));
const chosen = cases.filter(({ name }) => !values.quick || name === '2x64MB');

if (values.clients) {
  await up((line) => process.stderr.write(`${line}\n`));
  const checkouts = [join(import.meta.dirname, '..'), ...(values.against === undefined ? [] : [resolve(values.against)])];
  const clients = await measureClients(checkouts, runs, (line) => process.stderr.write(`${line}\n`));
  printClients(clients);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ runs, clients }, undefined, 2)}\n`);
  process.exit();
}
const startup = await measureStartup();
const wrapper = await measureWrapper();
await up((line) => process.stderr.write(`${line}\n`));
const results: Result[] = [];
for (const one of chosen) results.push(await measure(one));
print(results);
printStartup(startup);
printWrapper(wrapper);
if (values.json !== undefined)
  await writeFile(values.json, `${JSON.stringify({ runs, startup, wrapper, cases: results }, undefined, 2)}\n`);

async function measure(one: Case): Promise<Result> {
  const moves: Move[] = [];
  const floors: number[] = [];
  const pipelines: PipelineRun[] = [];
  // In turn, so that what else the machine does falls on all of them.
  for (let run = 1; run <= runs; run++) {
    moves.push(await measureMove(one));
    floors.push(await measureFloor(one));
    if (!values.quick) pipelines.push(await measurePipeline(one));
    const told = [moves.at(-1)?.frozenMs, floors.at(-1), pipelines.at(-1)?.frozenMs].map((ms) => ms?.toFixed(0) ?? '-');
    process.stderr.write(`${one.name} ${run}/${runs}: frozen ${told[0]} ms, floor ${told[1]} ms, pipeline ${told[2]} ms\n`);
  }
  return {
    name: one.name,
    frozenMs: spreadOf(moves.map(({ frozenMs }) => frozenMs)),
    silenceMs: spreadOf(moves.map(({ silenceMs }) => silenceMs)),
    totalMs: spreadOf(moves.map(({ totalMs }) => totalMs)),
    bytes: spreadOf(moves.map(({ bytes }) => bytes)).median,
    floorMs: spreadOf(floors),
    ...(values.quick
      ? {}
      : {
          pipelineFrozenMs: spreadOf(pipelines.map(({ frozenMs }) => frozenMs)),
          pipelineTotalMs: spreadOf(pipelines.map(({ totalMs }) => totalMs)),
        }),
  };
}

function print(all: readonly Result[]): void {
  const titles = ['case', 'frozen ms', 'floor ms', 'silence ms', 'total ms', 'bytes', 'pipeline frozen ms', 'pipeline total ms'];
  const rows = all.map((result) => [
    result.name,
    cell(result.frozenMs),
    cell(result.floorMs),
    cell(result.silenceMs),
    cell(result.totalMs),
    String(result.bytes),
    cell(result.pipelineFrozenMs),
    cell(result.pipelineTotalMs),
  ]);
  printTable([titles, ...rows]);
  process.stdout.write(`median (min-max) of ${runs} runs\n`);
}

function printClients(all: readonly ClientsMet[]): void {
  const titles = ['checkout', 'asked from', 'kind', 'asked', 'failed', 'hung', 'longest ms', 'silence ms'];
  const rows = all.map(({ checkout, place, kind, asked, failed, hangs, longestMs, silenceMs }) => [
    checkout,
    place,
    kind,
    ...[asked, failed, hangs].map(String),
    cell(longestMs),
    cell(silenceMs),
  ]);
  printTable([titles, ...rows]);
  process.stdout.write(`sums, and median (min-max), of ${runs} moves\n`);
}

function printStartup({ floorMs, versionMs, helpMs, completionMs }: Startup): void {
  process.stdout.write('\n');
  printTable([
    ['start-up', 'ms', 'target ms'],
    ['empty script', cell(floorMs), '-'],
    ['--version', cell(versionMs), String(startupTargetsMs.versionMs)],
    ['--help', cell(helpMs), String(startupTargetsMs.helpMs)],
    ['__complete --', cell(completionMs), '-'],
  ]);
  process.stdout.write(`median (min-max) of ${startupRuns} runs\n`);
}

function printWrapper({ otherMicroseconds, createMicroseconds }: WrapperCost): void {
  process.stdout.write('\n');
  printTable([
    ['runtime wrapper adds', 'us', 'target us'],
    ['to other calls', cell(otherMicroseconds), String(wrapperTargetMicroseconds)],
    ['to create', cell(createMicroseconds), String(wrapperTargetMicroseconds)],
  ]);
  process.stdout.write(`median (min-max) of ${wrapperRounds} runs\n`);
}

function cell(spread: Spread | undefined): string {
  return spread === undefined ? '-' : `${spread.median} (${spread.min}-${spread.max})`;
}

function printTable(rows: readonly (readonly string[])[]): void {
  for (const row of rows)
    process.stdout.write(
      `${row
        .map((text) => text.padEnd(20))
        .join('')
        .trimEnd()}\n`,
    );
}

import { spawn } from 'node:child_process';
import { down, insideBed, up, whatIsMissing } from './bed.ts';
import { loadImages } from './load-images.ts';
import { insideNode } from './node.ts';
import { nodeNamed, nodes } from './layout.ts';
import { limitLink } from './network.ts';
import { isAlive, recordedProcesses } from './processes.ts';

const usage = `usage: npm run bed -- COMMAND

  up [--knative]            bring both clusters up, or repair them; with Knative Serving in the home cluster
  down                      take everything away
  status                    what runs
  run -- CMD...             run CMD where both clusters can be reached (contexts home and away)
  node NAME -- CMD...       run CMD on a node (${nodes.map(({ name }) => name).join(', ')})
  load IMAGE.tar [NODE...]  import an image archive onto nodes
  link RATE [LATENCY]       limit the link between the clusters, e.g. 100mbit 50ms; none lifts it
`;

const [verb = '', ...words] = process.argv.slice(2);
const separator = words.indexOf('--');
const command = separator < 0 ? words : words.slice(separator + 1);

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bed: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  switch (verb) {
    case 'up':
      await up((line) => process.stderr.write(`${line}\n`), { withKnative: words.includes('--knative') });
      return 0;
    case 'down':
      await down();
      return 0;
    case 'status':
      return await status();
    case 'run': {
      const inside = await insideBed(command);
      return await handOver(inside.command, inside.env);
    }
    case 'node':
      return await handOver([...(await insideNode(nodeNamed(words[0] ?? ''))), ...words.slice(separator + 1)], {});
    case 'load':
      await loadImages([words[0] ?? ''], words.length > 1 ? words.slice(1) : undefined);
      return 0;
    case 'link':
      await limitLink(words[0] ?? 'none', words[1] ?? '50ms');
      return 0;
    default:
      process.stderr.write(usage);
      return 2;
  }
}

async function status(): Promise<number> {
  const problem = await whatIsMissing();
  for (const one of await recordedProcesses())
    process.stdout.write(`${isAlive(one) ? 'runs' : 'dead'}  ${one.name}  (process ${one.pid})\n`);
  process.stdout.write(problem === undefined ? 'the bed is up\n' : `the bed is not up: ${problem}\n`);
  return problem === undefined ? 0 : 1;
}

/** Gives our three streams to a command and takes its exit code. */
async function handOver([program = '', ...args]: readonly string[], env: Record<string, string>): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both of us; a second one would mean something else to the command.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

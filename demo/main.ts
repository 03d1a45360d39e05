import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { insideBed, mustIn, up } from '../bed/bed.ts';
import { stepsIn } from '../test/e2e/steps.ts';

/**
 * A live migration to watch: a pod of two containers, with a counter in its memory, and a client that keeps asking it
 * through a Service, while `kubectl migrate` moves it to the other cluster.
 */
const image = 'example.test/base:1';
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const objects = [
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'counter', namespace: 'demo', labels: { app: 'counter' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      nodeSelector: { 'kubernetes.io/hostname': 'home-1' },
      containers: [
        { name: 'counter', image, command: ['counter', '8080', '64'], ports: [{ containerPort: 8080 }] },
        { name: 'writer', image, command: ['ticker', '64', '10', '/data/steps'], volumeMounts: [{ name: 'data', mountPath: '/data' }] },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'counter', namespace: 'demo' },
    spec: { selector: { app: 'counter' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
];

/** Asks every 200 ms, through the Service's address; there is no DNS in the bed. */
function client(address: string): unknown {
  const script = `while true; do echo "$(date +%H:%M:%S) $(nc -w 1 ${address} 80 </dev/null 2>/dev/null || echo 'no answer')"; sleep 0.2; done`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'client', namespace: 'demo' },
    spec: {
      terminationGracePeriodSeconds: 0,
      nodeSelector: { 'kubernetes.io/hostname': 'home-1' },
      containers: [{ name: 'client', image, command: ['sh', '-c', script] }],
    },
  };
}

async function apply(object: unknown): Promise<void> {
  await mustIn(['kubectl', 'apply', '-f', '-'], { input: JSON.stringify(object) });
}

async function kubectl(...args: readonly string[]): Promise<string> {
  return await mustIn(['kubectl', '-n', 'demo', ...args]);
}

/** Runs a command and shows its lines with a mark in front. */
async function show(mark: string, words: readonly string[]): Promise<{ end: Promise<number>; stop: () => void; lines: string[] }> {
  const { command, env } = await insideBed(words);
  const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        lines.push(line);
        process.stdout.write(`${mark}${line}\n`);
      }
    });
  }
  const end = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)));
  return { end, stop: () => void child.kill(), lines };
}

await up(say);
await kubectl('delete', 'pods/counter', 'pods/client', 'services/counter', '--ignore-not-found', '--grace-period=1', '--wait');
for (const object of objects) await apply(object);
await apply(client(await kubectl('get', 'service', 'counter', '-o', 'jsonpath={.spec.clusterIP}')));
await kubectl('wait', '--for=condition=Ready', 'pod/counter', 'pod/client', '--timeout=60s');
process.stdout.write(`\nbefore:\n${await kubectl('get', 'pod', 'counter', '-o', 'wide')}\n`);

const asking = await show('  client | ', ['kubectl', '-n', 'demo', 'logs', '-f', 'client', '--tail=1']);
await delay(2000);
const picture = join(tmpdir(), 'kubectl-migrate-demo.svg');
const moving = await show('', ['kubectl', 'migrate', 'counter', '-n', 'demo', '--to', 'away', '--timeline', picture]);
const code = await moving.end;
await delay(2000);
asking.stop();

process.stdout.write(`\nafter:\n${await kubectl('get', 'pod', 'counter', '-o', 'wide')}\n`);
const answers = asking.lines.flatMap((line) => /answer (\d+)/.exec(line)?.[1] ?? []).map(Number);
const isUnbroken =
  answers.every((answer, index) => index === 0 || answer > (answers[index - 1] ?? 0)) &&
  !asking.lines.some((line) => line.includes('BROKEN'));
const steps = stepsIn(await kubectl('exec', 'counter', '-c', 'writer', '--', 'cat', '/data/steps'));
const areStepsWhole = steps.length > 0 && steps.every(({ number }, index) => number === index);
process.stdout.write(
  code === 0 && isUnbroken && areStepsWhole
    ? `The counter went on from ${answers[0]} to ${answers.at(-1)}, and no step of ${steps.length} on its volume is missing or doubled.\n`
    : 'The migration did not go as it should have; see above.\n',
);
if (code === 0) process.stdout.write(`Who did what when: ${picture}\n`);
process.stdout.write('The bed stays up: npm run bed -- run -- kubectl get pods -A; npm run bed -- down takes it away.\n');
await kubectl('delete', 'pods/counter', 'pods/client', 'services/counter', '--grace-period=1', '--wait');
process.exitCode = code === 0 && isUnbroken && areStepsWhole ? 0 : 1;

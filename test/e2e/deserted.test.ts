import { afterAll, vi } from 'vitest';
import { mustKubectl, startMigration } from './cluster.ts';
import { heardTest } from './pod-test.ts';
import { podOf } from './pods.ts';
import { collectTicks } from './ticks.ts';
import { expectUntouched } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);

test('a CLI that is killed leaves the source running, and what it leaves can be found and deleted by its label', async ({ startSeen }) => {
  const original = await startSeen(podOf('killed', [], { containers: [ticks.beacon('main', { megabytes: 16 })] }));
  const running = await startMigration('killed');
  await running.sees('standby ...');
  await vi.waitFor(async () => mustKubectl('away', 'get', 'shadowpod', 'killed'), { timeout: 30_000, interval: 20 });
  running.child.kill('SIGKILL');
  await running.result;
  const ours = ['-l', 'app.kubernetes.io/managed-by=kubectl-migrate', '--wait', '--timeout=90s'];
  await mustKubectl('away', 'delete', 'shadowpods,secrets', ...ours);
  await mustKubectl('home', 'delete', 'pods', ...ours);
  await expectUntouched(original, ticks);
});

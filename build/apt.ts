import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, must } from './run.ts';

/** Installs those of the named Debian packages that this machine lacks. @throws Error with apt's words */
export async function requirePackages(names: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const name of names) {
    const { stdout } = await run(['dpkg-query', '--show', '--showformat=${db:Status-Status}', name]);
    if (stdout !== 'installed') missing.push(name);
  }
  if (missing.length === 0) return;
  process.stderr.write(`installing ${missing.join(', ')}\n`);
  // One at a time: apt does not wait for another one that reads the lists, and tests run while the bed is made.
  const apt = async (...args: readonly string[]): Promise<string> =>
    must(['flock', join(tmpdir(), 'kubectl-migrate-apt.lock'), 'apt-get', '-o', 'DPkg::Lock::Timeout=600', ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
  await apt('update');
  await apt('install', '--yes', '--no-install-recommends', ...missing);
}

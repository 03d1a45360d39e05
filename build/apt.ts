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
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await must(['apt-get', 'update'], { env });
  await must(['apt-get', 'install', '--yes', '--no-install-recommends', ...missing], { env });
}

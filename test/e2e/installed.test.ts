import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goTools } from '../../bed/tools.ts';
import { insideBed, runIn } from '../../bed/bed.ts';
import { must, run, type RunResult } from '../../build/run.ts';
import { goTools as pinnedTools } from '../../build/go-tools.ts';
import { runnerOf } from '../../release/code-cache.ts';
import { archiveName } from '../../release/krew.ts';
import { nameOf, platforms, programOf } from '../../release/platforms.ts';
import { version } from '../../src/version.ts';
import { helpText } from '../../src/cli/help.ts';
import { deletePod, getPod, startPod } from './cluster.ts';
import { podOf } from './pods.ts';

const checkout = join(import.meta.dirname, '../..');
let scratch: string;
let dist: string;
let server: Server;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'installed-'));
  dist = join(scratch, 'dist');
  await must([process.execPath, join(checkout, 'release/main.ts'), '--output', dist]);
  server = createServer((request, response) => {
    readFile(join(dist, request.url?.split('/').at(-1) ?? '')).then(
      (content) => response.end(content),
      () => response.writeHead(404).end(),
    );
  }).listen(0, '127.0.0.1');
}, 600_000);

afterAll(async () => {
  server.close();
  await deletePod('installed');
  await rm(scratch, { recursive: true, force: true });
});

async function unpacked(platform: (typeof platforms)[number]): Promise<string> {
  const folder = join(scratch, nameOf(platform));
  await mkdir(folder, { recursive: true });
  await must(['tar', '-xzf', join(dist, archiveName(platform)), '-C', folder]);
  return folder;
}

function platformOf(name: string): (typeof platforms)[number] {
  const found = platforms.find((platform) => nameOf(platform) === name);
  if (!found) throw new Error(`no platform ${name}`);
  return found;
}

test.each([
  ['linux-amd64', /ELF 64-bit LSB .*x86-64/],
  ['linux-arm64', /ELF 64-bit LSB .*ARM aarch64/],
  ['darwin-amd64', /Mach-O 64-bit x86_64 executable/],
  ['darwin-arm64', /Mach-O 64-bit arm64 executable/],
  ['windows-amd64', /PE32\+ executable \(console\) x86-64/],
])('the archive for %s has the program, its licence and those of all that is inside', async (name, kind) => {
  const platform = platformOf(name);
  const folder = await unpacked(platform);
  expect(await must(['file', '--brief', join(folder, programOf(platform))])).toMatch(kind);
  expect(await readFile(join(folder, 'LICENSE'), 'utf8')).toContain('Apache License');
  const others = await readFile(join(folder, 'THIRD-PARTY-LICENSES'), 'utf8');
  for (const package_ of ['Node.js', 'yargs', '@kubernetes/client-node', 'listr2', 'ws']) expect(others).toContain(`==== ${package_}`);
  const sum = createHash('sha256')
    .update(await readFile(join(dist, archiveName(platform))))
    .digest('hex');
  expect(await readFile(join(dist, 'SHA256SUMS'), 'utf8')).toContain(`${sum}  ${archiveName(platform)}\n`);
  expect(await readFile(join(dist, 'migrate.yaml'), 'utf8')).toContain(sum);
});

test.each(['darwin-amd64', 'darwin-arm64'])('the program for %s carries a signature of its own content', async (name) => {
  const quill = join(await pinnedTools(join(checkout, 'release/tools/quill')), 'quill');
  const said = await must([quill, 'describe', '--quiet', join(await unpacked(platformOf(name)), 'kubectl-migrate')]);
  expect(said).toMatch(/Flags: +adhoc/);
  expect(said).toMatch(/ID: +kubectl-migrate/);
});

test.each(['linux-amd64', 'linux-arm64'])('the program for %s runs', async (name) => {
  const platform = platformOf(name);
  const program = [...(await runnerOf(platform)), join(await unpacked(platform), 'kubectl-migrate')];
  expect(await run([...program, '--version'])).toMatchObject({ code: 0, stdout: `kubectl-migrate v${version}\n` });
  const help = await run([...program, '--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toBe(helpText());
  expect(await run([...program, 'pod', '--too', 'away'])).toMatchObject({ code: 2, stdout: '' });
});

test('the program answers kubectl under the name by which it asks for completions', async () => {
  const folder = await unpacked(platformOf('linux-amd64'));
  const called = join(folder, 'kubectl_complete-migrate');
  await symlink('kubectl-migrate', called);
  for (const words of [
    [called, '--version'],
    [join(folder, 'kubectl-migrate'), '__complete', '--version'],
  ]) {
    expect(await run(words)).toEqual({ code: 0, stdout: '--version\tPrint the version of the plugin, and nothing else\n:4\n', stderr: '' });
  }
});

test('krew finds nothing to object to in the manifest, nor in the one of the last release', async () => {
  const validate = join(await goTools('krew'), 'validate-krew-manifest');
  expect((await run([validate, '-manifest', join(dist, 'migrate.yaml'), '-skip-install'])).stderr).toContain('structural validation OK');
  await writeFile(join(scratch, 'migrate.yaml'), await readFile(join(checkout, 'plugin.yaml')));
  expect((await run([validate, '-manifest', join(scratch, 'migrate.yaml'), '-skip-install'])).stderr).toContain('structural validation OK');
});

test('krew installs it from an index, kubectl finds it, completes a pod and moves it; krew upgrades it and takes it away again', async () => {
  const index = join(scratch, 'index');
  const { port } = server.address() as AddressInfo;
  const manifest = (await readFile(join(dist, 'migrate.yaml'), 'utf8')).replaceAll(
    /https:\/\/\S+\/releases\/download/g,
    `http://127.0.0.1:${port}`,
  );
  const publish = async (text: string): Promise<void> => {
    await writeFile(join(index, 'plugins/migrate.yaml'), text);
    await must(['git', '-C', index, 'add', '.']);
    await must(['git', '-C', index, '-c', 'user.name=test', '-c', 'user.email=test@example.test', 'commit', '--quiet', '-m', 'index']);
  };
  await mkdir(join(index, 'plugins'), { recursive: true });
  await must(['git', 'init', '--quiet', index]);
  await publish(manifest);

  const root = join(scratch, 'krew');
  const env = { KREW_ROOT: root, KREW_DEFAULT_INDEX_URI: `file://${index}`, KREW_NO_UPGRADE_CHECK: '1', HOME: scratch };
  const krew = async (...args: readonly string[]): Promise<RunResult> => run([join(await goTools('krew'), 'krew'), ...args], { env });
  const kubectl = async (...args: readonly string[]): Promise<RunResult> => {
    const { PATH = '' } = (await insideBed([])).env;
    // The bed has a kubectl-migrate of its own: krew's goes first.
    return await runIn(['kubectl', ...args], { env: { PATH: `${join(root, 'bin')}:${PATH}` } });
  };
  expect((await krew('update')).code).toBe(0);
  const installed = await krew('install', 'migrate');
  expect(installed.stderr).toContain('Installed plugin: migrate');
  expect(installed.stderr).toContain('The clusters need');
  expect((await kubectl('migrate', '--version')).stdout).toBe(`kubectl-migrate v${version}\n`);

  await startPod(podOf('installed', ['ticker', '4', '20']));
  expect((await kubectl('migrate', 'completion', '--install')).stdout).toBe(`${join(root, 'bin/kubectl_complete-migrate')} made\n`);
  expect((await kubectl('__complete', 'migrate', '-n', 'demo', 'instal')).stdout).toMatch(/^installed\t/m);
  const moved = await kubectl('migrate', 'installed', '-n', 'demo', '--to', 'away');
  expect(moved).toMatchObject({ code: 0, stdout: 'pod/installed migrated\n' });
  expect((await getPod('home', 'installed')).spec.nodeName).toBe('away');

  await publish(manifest.replace(`version: v${version}`, 'version: v99.0.0'));
  await krew('update');
  expect((await krew('upgrade', 'migrate')).stderr).toContain('Upgraded plugin: migrate');
  expect(await readFile(join(root, 'receipts/migrate.yaml'), 'utf8')).toContain('version: v99.0.0');
  expect((await kubectl('migrate', 'completion', '--uninstall')).code).toBe(0);
  expect((await krew('uninstall', 'migrate')).code).toBe(0);
  expect((await krew('list')).stdout).not.toContain('migrate');
});

test('krew installs it from a manifest and an archive at hand', async () => {
  const env = { KREW_ROOT: join(scratch, 'krew-offline'), KREW_NO_UPGRADE_CHECK: '1', HOME: scratch };
  const krew = join(await goTools('krew'), 'krew');
  const archive = join(dist, archiveName(platformOf('linux-amd64')));
  const result = await run([krew, 'install', `--manifest=${join(dist, 'migrate.yaml')}`, `--archive=${archive}`], { env });
  expect(result.stderr).toContain('Installed plugin: migrate');
  expect(await must([join(scratch, 'krew-offline/bin/kubectl-migrate'), '--version'])).toContain(version);
});

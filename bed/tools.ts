import { join } from 'node:path';
import { goTools as buildGoTools } from '../build/go-tools.ts';
import { must } from '../build/run.ts';

/** The Go programs of the bed, by the folder of `tools` that pins them. */
const modules = ['kubernetes', 'liqo', 'helm', 'krew', 'knative', 'coredns'] as const;
export type ToolModule = (typeof modules)[number];

/** Builds the pinned Go programs of one module, or takes them from the cache. @returns the folder with the executables */
export async function goTools(name: ToolModule): Promise<string> {
  return await buildGoTools(join(import.meta.dirname, 'tools', name), linkerFlags(name));
}

/** Kubernetes tells its version only when the linker was told it. */
function linkerFlags(name: ToolModule): string {
  const version = 'k8s.io/component-base/version';
  const stamps = name === 'kubernetes' ? ` -X ${version}.gitVersion=v1.35.4 -X ${version}.gitMajor=1 -X ${version}.gitMinor=35` : '';
  return `-s -w${stamps}`;
}

/** The folder of Liqo's sources, with its Helm chart. */
export async function liqoSources(): Promise<string> {
  const folder = join(import.meta.dirname, 'tools', 'liqo');
  return (await must(['go', 'list', '-m', '-f', '{{.Dir}}', 'github.com/liqotech/liqo'], { cwd: folder })).trim();
}

/** The folder of a module's sources, in the version that Knative's programs are built from. */
export async function knativeSources(module: `knative.dev/${string}`): Promise<string> {
  const folder = join(import.meta.dirname, 'tools', 'knative');
  const told = await must(['go', 'mod', 'download', '-json', module], { cwd: folder });
  return (JSON.parse(told) as { Dir: string }).Dir;
}

import { cp, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached, contentsOf } from './cache.ts';
import { must } from './run.ts';

/**
 * Builds the programs that a Go module names as its tools, pinned by its go.mod, or takes them from the cache.
 *
 * @param module folder with go.mod and go.sum, and Go files where a tool is its own
 * @returns the folder with the static executables. @throws Error with the Go command's words
 */
export async function goTools(module: string, linkerFlags = '-s -w'): Promise<string> {
  const version = (await must(['go', 'env', 'GOVERSION'])).trim();
  const sources = (await readdir(module)).filter((name) => name.endsWith('.go')).toSorted();
  const inputs = await contentsOf(['go.mod', 'go.sum', ...sources].map((name) => join(module, name)));
  return await cached(`go-${basename(module)}`, [version, linkerFlags, ...inputs], async (draft) => {
    const scratch = join(draft, '.module');
    await cp(module, scratch, { recursive: true });
    const env = { CGO_ENABLED: '0', GOFLAGS: '-trimpath -buildvcs=false -mod=readonly' };
    await must(['go', 'build', '-ldflags', linkerFlags, '-o', `${draft}/`, 'tool'], { cwd: scratch, env });
    await must(['rm', '-rf', scratch]);
  });
}

import { existsSync, readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { scaled } from '../../deadlines.ts';
import type { NodeFacts } from '../../protocol/agent-calls.ts';
import { findRuntime } from '../runc/runtime.ts';
import { onHost, runOnHost } from './host.ts';
import { ownLimits } from './own-limits.ts';
import { nodeRoom } from './room.ts';

/** What a checkpoint depends on; compared between the two nodes before anything is frozen. */
export async function nodeFacts(): Promise<NodeFacts> {
  const runtime = await findRuntime();
  const { stdout } = await runOnHost([runtime, '--version'], { deadlineMs: scaled(10_000) });
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  return {
    architecture: arch(),
    kernel: release(),
    cgroupVersion: existsSync(onHost('/sys/fs/cgroup/cgroup.controllers')) ? 2 : 1,
    cpuFlags: flags.split(' ').filter(Boolean),
    runtime,
    runtimeVersion: stdout.split('\n')[0] ?? '',
    room: nodeRoom(),
    helperLimits: ownLimits(),
  };
}

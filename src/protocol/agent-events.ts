/** Moments of the frozen part, in their order. */
export const stages = ['frozen', 'sent', 'held', 'committed', 'running'] as const;
export type Stage = (typeof stages)[number];

/**
 * What takes time on a node. At the source: `warm-up` of the link, `send-files` (before and during the freeze), `freeze`, `dump` of a container
 * by CRIU, `send-images` of a container. At the target: `unpack`; and of each container's restore `build` (namespaces
 * and processes), `await-pages`, `fill` (memory and files), `await-others` (the first barrier), `finish` (credentials
 * and rules), `await-commit` (the second barrier) and `resume`.
 */
export const spanNames = [
  'warm-up',
  'send-files',
  'freeze',
  'dump',
  'send-images',
  'unpack',
  'build',
  'await-pages',
  'fill',
  'await-others',
  'finish',
  'await-commit',
  'resume',
] as const;
export type SpanName = (typeof spanNames)[number];

/** What an agent tells the CLI without being asked. */
export type AgentEvent =
  | { readonly type: 'log'; readonly message: string }
  /** `ms` since the stage before, `bytes` sent meanwhile. */
  | { readonly type: 'stage'; readonly stage: Stage; readonly ms: number; readonly bytes: number }
  /** Sent so far in this round. */
  | { readonly type: 'bytes'; readonly bytes: number }
  /** By the agent's clock, ms since 1970. */
  | { readonly type: 'span'; readonly name: SpanName; readonly container?: string; readonly from: number; readonly to: number };

/** An event with every field checked: it comes from another node. Undefined for what is none, which is left aside. */
export function checkedEvent(value: unknown): AgentEvent | undefined {
  const raw = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { type, message, bytes, ms, from, to, container } = raw;
  const stage = stages.find((one) => one === raw['stage']);
  const name = spanNames.find((one) => one === raw['name']);
  if (type === 'log' && typeof message === 'string') return { type, message: message.slice(0, 4000) };
  if (type === 'stage' && stage && isAmount(ms) && isAmount(bytes)) return { type, stage, ms, bytes };
  if (type === 'bytes' && isAmount(bytes)) return { type, bytes };
  if (type !== 'span' || !name || !isAmount(from) || !isAmount(to)) return undefined;
  if (container === undefined) return { type, name, from, to };
  return typeof container === 'string' ? { type, name, container: container.slice(0, 253), from, to } : undefined;
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

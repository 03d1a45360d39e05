/**
 * Names that come from another node or from another's pod become parts of paths here. Whatever is not plainly a
 * single, ordinary path segment is refused: no separator, no leading dot, nothing that a path resolver treats as special.
 */
const segment = /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,252}$/;

/** Returns `name` when it is a safe path segment. @throws Error naming `what` otherwise */
export function plainSegment(name: unknown, what: string): string {
  if (typeof name !== 'string' || !segment.test(name)) {
    throw new Error(`${what} is not a plain name: ${JSON.stringify(name)?.slice(0, 80)}`);
  }
  return name;
}

/**
 * Does things side by side, all or none: when one fails, the others are told to stop, and are awaited. So nothing is made any
 * more when this has thrown.
 *
 * @param works each with a signal that also tells that another one has failed
 * @throws what the first one that failed has thrown
 */
export async function together<T extends readonly unknown[]>(
  signal: AbortSignal,
  ...works: { readonly [Index in keyof T]: (signal: AbortSignal) => Promise<T[Index]> }
): Promise<T> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let first: { readonly error: unknown } | undefined;
  const results = await Promise.allSettled(
    works.map(async (work) => {
      try {
        return await work(either);
      } catch (error) {
        first ??= { error };
        stop.abort(error);
        throw error;
      }
    }),
  );
  if (first) throw first.error;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

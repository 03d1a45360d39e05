/** The known word that was probably meant: at most two letters off, and less than half of it. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const allowed = Math.min(2, Math.floor((word.length - 1) / 2));
  const [best] = known.map((one) => ({ one, distance: distance(word, one) })).toSorted((a, b) => a.distance - b.distance);
  return best && best.distance <= allowed ? best.one : undefined;
}

/** How many letters must be put in, left out or changed to make one word of the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [above, letter] of from.split('').entries()) {
    const next = [above + 1];
    for (const [column, other] of to.split('').entries()) {
      const changed = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** How alike two names are, for who wrote one and meant another. */

/** How many letters are more, less, other or changed places with their neighbour. */
export function edits(a: string, b: string): number {
  let [before, row]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const other = row![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(other, row![j]! + 1, next[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) next[j] = Math.min(next[j]!, before![j - 2]! + 1);
    }
    [before, row] = [row, next];
  }
  return row!.at(-1)!;
}

/** Which of the words that there are somebody meant who mistyped one. */

/** A word is no guess at another where more than this share of it is different. */
const MOST_DIFFERENT = 0.5;

/** The nearest of `words`, several where they are equally near; none where no word is near. */
export function similar(typed: string, words: Iterable<string>): string[] {
  let least = Infinity;
  let found: string[] = [];
  for (const word of new Set(words)) {
    const edits = distance(typed.toLowerCase(), word);
    if (edits > least || edits > MOST_DIFFERENT * Math.min(typed.length, word.length)) continue;
    found = edits === least ? [...found, word] : [word];
    least = edits;
  }
  return found;
}

/** `Did you mean "stream"?`; nothing where no word is near. */
export function didYouMean(typed: string, words: Iterable<string>): string | undefined {
  const found = similar(typed, words).map((word) => `"${word}"`);
  return found.length === 0 ? undefined : `Did you mean ${found.join(" or ")}?`;
}

/** How many letters are left out, put in, changed or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}

/** Which of the words that there are somebody meant who mistyped one. */
import { edits } from "../similar.ts";

/** A word is no guess at another where more than this share of it is different. */
const MOST_DIFFERENT = 0.5;

/** The nearest of `words`, several where they are equally near; none where no word is near. */
export function similar(typed: string, words: Iterable<string>): string[] {
  let least = Infinity;
  let found: string[] = [];
  for (const word of new Set(words)) {
    const apart = edits(typed.toLowerCase(), word);
    if (apart > least || apart > MOST_DIFFERENT * Math.min(typed.length, word.length)) continue;
    found = apart === least ? [...found, word] : [word];
    least = apart;
  }
  return found;
}

/** `Did you mean "stream"?`; nothing where no word is near. */
export function didYouMean(typed: string, words: Iterable<string>): string | undefined {
  const found = similar(typed, words).map((word) => `"${word}"`);
  return found.length === 0 ? undefined : `Did you mean ${found.join(" or ")}?`;
}

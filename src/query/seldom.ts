/** What takes long and many ask for: asked one at a time, and answered from before for a while. */
import { sleep } from "../backoff.ts";

export interface SeldomOptions<T = unknown> {
  /** After an answer the next is asked for no sooner than so many times as long as it took. */
  rest?: number;
  /** Nor sooner than this, in ms. */
  restMs?: number;
  /** Nor later than this, in ms, by what was answered: one that took long by chance is not the answer for long. */
  mostRestMs?: (value: T) => number;
  /** How long a new answer is waited for where there is one from before, in ms; without a limit where it is left out. */
  patienceMs?: number;
}

/** Whoever asks while it is under way waits for the same. One that fails is asked for again. */
export function seldom<T>(work: () => Promise<T>, options: SeldomOptions<T> = {}): () => Promise<T> {
  const { rest = 0, restMs = 0, mostRestMs = () => Infinity, patienceMs } = options;
  let last: { value: T; freshUntil: number } | undefined;
  let asked: Promise<T> | undefined;

  async function ask(): Promise<T> {
    const began = performance.now();
    try {
      const value = await work();
      const now = performance.now();
      last = { value, freshUntil: now + Math.min(Math.max(restMs, rest * (now - began)), mostRestMs(value)) };
      return value;
    } catch (error) {
      last = undefined;
      throw error;
    }
  }

  return async () => {
    if (last !== undefined && performance.now() < last.freshUntil) return last.value;
    if (asked === undefined) {
      asked = ask();
      const done = () => asked = undefined;
      asked.then(done, done);
    }
    return last === undefined || patienceMs === undefined ? await asked : await soon(asked, last.value, patienceMs);
  };
}

/** What comes within the time, else what there is. */
async function soon<T>(coming: Promise<T>, before: T, patienceMs: number): Promise<T> {
  const over = new AbortController();
  try {
    return await Promise.race([coming, sleep(patienceMs, over.signal).then(() => before)]);
  } finally {
    over.abort();
  }
}

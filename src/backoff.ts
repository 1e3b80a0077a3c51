/** How long to wait before trying again, and a sleep that a signal cuts short. */

export interface Backoff {
  /** The first wait in ms. */
  firstMs: number;
  /** The longest wait in ms. */
  maxMs: number;
}

/** The wait before try `attempt` (from 1): doubling up to the limit, the upper half of it random. */
export function waitMs({ firstMs, maxMs }: Backoff, attempt: number, random = Math.random): number {
  const full = Math.min(maxMs, firstMs * 2 ** (attempt - 1));
  return full / 2 + (full / 2) * random();
}

/** What a timer takes; a longer one would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** `ms` as far as a timer takes it. */
export function timerMs(ms: number): number {
  return Math.min(Math.max(0, ms), LONGEST_TIMER_MS);
}

/** Resolves after `ms`, or at once when `signal` is aborted; never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = Date.now() + ms;
    let timer: ReturnType<typeof setTimeout>;
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const wait = (left: number) => {
      timer = setTimeout(left > LONGEST_TIMER_MS ? () => wait(end - Date.now()) : done, timerMs(left));
    };
    wait(ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

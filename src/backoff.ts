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

/** Resolves after `ms`, or at once when `signal` is aborted; never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal?.addEventListener("abort", done, { once: true });
  });
}

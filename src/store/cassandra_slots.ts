/** A bound on how much is under way at once. */

export interface Slots {
  /** Resolves once there is a free one, in the order of asking. */
  take(): Promise<void>;
  give(): void;
}

export function slots(count: number): Slots {
  const waiting: (() => void)[] = [];
  let free = count;
  return {
    take: () => {
      if (free === 0) return new Promise((resolve) => waiting.push(resolve));
      free--;
      return Promise.resolve();
    },
    give: () => {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    },
  };
}

/**
 * Takes tasks from `next` until it has none, at most `limit` at a time.
 * @throws what the first failing task threw, once no task is under way any more
 */
export async function pooled<T>(limit: number, next: () => T | undefined, run: (task: T) => Promise<void>) {
  let failed: { error: unknown } | undefined;
  const worker = async () => {
    for (let task; failed === undefined && (task = next()) !== undefined;) {
      try {
        await run(task);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failed !== undefined) throw failed.error;
}

/** Tasks of which a bounded number is under way at once. */

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

/** Keeps the record of runs small: what is old, and what is too many, goes once a day. */
import { sleep } from "../backoff.ts";
import { UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Runs } from "../runs/runs.ts";

const log = logger("runs");

const DAY_MS = 86_400_000;

export interface RetentionOptions {
  runs: Pick<Runs, "prune">;
  /** In ms since a run's end; −1 for ever. */
  maxAgeMs: number;
  maxCount: number;
  /** From one time to the next, in ms; a day by default. */
  everyMs?: number;
  signal: AbortSignal;
}

/**
 * Prunes now and then once a day, until `signal` is aborted. Never rejects: a record that is away is pruned a day later.
 * Several processes may do it, of which one finds what there is.
 */
export async function keepPruned(
  { runs, maxAgeMs, maxCount, everyMs = DAY_MS, signal }: RetentionOptions,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const removed = await runs.prune(maxAgeMs < 0 ? 0 : Date.now() - maxAgeMs, maxCount);
      if (removed > 0) log.info("Removed {removed} old runs from the record", { removed });
    } catch (error) {
      if (!(error instanceof UserpipeError)) log.error("Cannot remove old runs: {error}", { error });
      else log.warning("Cannot remove old runs: {why}. {hint}", { why: error.message, hint: error.hint });
    }
    await sleep(everyMs, signal);
  }
}

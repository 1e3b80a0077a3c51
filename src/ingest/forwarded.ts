/** Runs whose records waited in the outbox are delivered once all of them were forwarded: their state follows here. */
import { UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Runs } from "../runs/runs.ts";
import type { OnEmpty } from "./outbox.ts";

const log = logger("outbox");

/** Runs that are looked at in one go. */
const AT_ONCE = 10_000;

/**
 * Marks them on the record; what cannot be marked now is when it is asked again.
 * @param record opened when it is needed first
 */
export function markForwarded(record: () => Promise<Pick<Runs, "list" | "forwarded">>): OnEmpty {
  return async (topic, runs) => {
    try {
      const opened = await record();
      const target = { broker: "kafka", topic } as const;
      const listed = await opened.list({ target, states: ["to outbox", "running", "queued"], limit: AT_ONCE });
      const known = listed.filter(({ id }) => runs.has(id));
      const waited = known.filter(({ state }) => state === "to outbox");
      const done = waited.map(({ id, attempts }) => ({ id, attempts, refused: runs.get(id) ?? 0 }));
      sayMarked(done.length === 0 ? [] : await opened.forwarded(done, "Forwarded from the outbox: delivered"));
      // One that is under way is told again: it is not known yet how it ends.
      const later = new Set(known.filter(({ state }) => state !== "to outbox").map(({ id }) => id));
      return [...runs.keys()].filter((id) => !later.has(id));
    } catch (error) {
      if (!(error instanceof UserpipeError)) throw error;
      // No reason to forward less. What waiting cannot cure is not tried again.
      log[error.transient ? "debug" : "warning"]("Cannot mark runs as delivered: {why}", { why: error.message });
      return error.transient ? [] : runs.keys();
    }
  };
}

function sayMarked(ids: readonly string[]): void {
  if (ids.length === 0) return;
  if (ids.length > 1) {
    return log.info("Nothing of {count} runs waits any more: they are delivered", { count: ids.length });
  }
  log.info("Nothing of the run {id} waits any more: it is delivered", { id: ids[0] });
}

/** What an attempt leaves its run in: tried again, interrupted, or ended, and with what reason on record. */
import { messageOf, UserpipeError } from "../errors.ts";
import type { NewRun, RunEnd } from "../runs/runs.ts";
import type { Attempted } from "./attempt.ts";

/** As it is recorded. */
export type Ending = Pick<RunEnd, "state" | "again" | "error">;

export interface Circumstances {
  run: Pick<NewRun, "sourceKind" | "source">;
  /** Whether whoever stops the process stops a run of their own. */
  own: boolean;
  /** Whether the run was interrupted before and is fetched again: it stays so until that succeeds. */
  again: boolean;
  /** How many attempts may follow by themselves. */
  left: number;
}

/** What ends in a defect must not be tried for ever, and wrong settings stay wrong. */
const HOPELESS: readonly string[] = ["settings", "usage"];

export function endingOf({ counts, error, stopped }: Attempted, { run, own, again, left }: Circumstances): Ending {
  const why = error === undefined ? null : messageOf(error);
  if (isDefect(error)) return { state: "failed", again: false, error: why };
  // A schedule that is stopped wants its run whole, later; only what is fetched over HTTP is the same then.
  if (stopped && (again || (!own && run.sourceKind === "http"))) {
    return { state: "interrupted", again: true, error: why };
  }
  if (stopped && error === undefined) return { state: "interrupted", again: false, error: null };
  if (error !== undefined) {
    if (again) return { state: "interrupted", again: true, error: why };
    const retried = left > 0 && !stopped && !HOPELESS.includes((error as UserpipeError).code);
    return { state: retried ? "running" : "failed", again: false, error: why };
  }
  if (counts.published + counts.outbox > 0) {
    return { state: counts.outbox > 0 ? "to outbox" : "delivered", again: false, error: null };
  }
  return { state: "failed", again: false, error: nothing(counts.fetched, run.source) };
}

export function isDefect(error: unknown): boolean {
  return error !== undefined && !(error instanceof UserpipeError);
}

/** A run that delivered nothing is not green, also where nothing went wrong. */
function nothing(fetched: number, source: string): string {
  if (fetched === 0) return `"${source}" gave no record`;
  return `All ${fetched.toLocaleString("en")} records were refused and are dead letters`;
}

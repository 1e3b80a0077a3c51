/** Runs that wait on record until somebody makes them: triggered by hand, or to be tried again. */
import { sleep } from "../backoff.ts";
import { isTransient } from "../errors.ts";
import type { Run, RunKind } from "../runs/runs.ts";
import { makeRun, type RunOptions, type RunReport } from "./run.ts";
import type { Trouble } from "./trouble.ts";

/** What a schedule makes; the pages of a backfill are made by whoever asked for them. */
export const TRIGGERED: readonly RunKind[] = ["manual", "scheduled"];

/** How many are under way at once in a process that keeps a schedule. */
const AT_ONCE = 4;
/** Looked at so often also without a change, in ms. */
const LOOK_MS = 5_000;

/** Makes the oldest queued run of the target. @returns null where none is queued */
export async function makeQueued(options: RunOptions, kinds: readonly RunKind[]): Promise<RunReport | null> {
  const run = await options.runs.takeQueued(options.target, kinds);
  return run === null ? null : await makeTaken(options, run);
}

export async function makeTaken(options: RunOptions, run: Run): Promise<RunReport> {
  return await makeRun(options, run, { number: run.attempts, again: false });
}

export interface QueuedOptions {
  run: RunOptions;
  /** Makes a run. Resolves when it has ended; never rejects. */
  begin: (work: () => Promise<RunReport>) => Promise<void>;
  /** Something was queued, paused or resumed. */
  onChanged: () => Promise<void>;
  /** Of the record. */
  trouble: Trouble;
  signal: AbortSignal;
}

/** Makes each triggered run as soon as it is queued, until `signal` is aborted; resolves then, before they have ended. */
export async function keepMakingQueued({ run, begin, onChanged, trouble, signal }: QueuedOptions): Promise<void> {
  let look = new AbortController();
  let underWay = 0;
  const takeAll = async (): Promise<void> => {
    while (underWay < AT_ONCE && !signal.aborted) {
      const taken = await run.runs.takeQueued(run.target, TRIGGERED);
      if (taken === null) return;
      underWay++;
      void begin(() => makeTaken(run, taken)).then(() => {
        underWay--;
        look.abort();
      });
    }
  };
  while (!signal.aborted) {
    look = new AbortController();
    const late = setTimeout(() => look.abort(), LOOK_MS);
    try {
      // Asked before it is looked, so that nothing is queued unseen in between.
      const changed = run.runs.changed(AbortSignal.any([signal, look.signal]));
      changed.catch(() => {});
      await takeAll();
      await changed;
      await onChanged();
    } catch (error) {
      if (!isTransient(error)) throw error;
      trouble.failed(error);
      await sleep(LOOK_MS, signal);
    } finally {
      clearTimeout(late);
      look.abort();
    }
  }
}

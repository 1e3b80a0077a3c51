/** Runs that a person asks for beside those of the schedule: what such a run asks of its source, and who would make it. */
import type { NewRun, Run, Runs, RunTarget } from "../runs/runs.ts";
import { type Asked, newRun, type NewRunOptions, newSeed } from "./run.ts";
import { scheduleName } from "./schedule.ts";

export interface TriggerOptions extends NewRunOptions {
  runs: Runs;
  /** Told the schedule's last run, which is asked for again with what is given in its place. Of a file that is nothing. */
  changes: (last: Run) => Partial<Pick<Asked, "seed" | "page" | "count" | "url" | "nat">>;
  /** What is asked for where no process runs a schedule, or, `led`, it has made no run yet. */
  otherwise: (led: boolean) => Asked;
}

/** Whether a process leads the schedule of the target. */
export async function isLed(runs: Runs, target: RunTarget): Promise<boolean> {
  const name = scheduleName(target);
  const led = (await runs.schedules()).find((schedule) => schedule.name === name && schedule.led);
  return led !== undefined && led.target.broker === target.broker;
}

/**
 * What the schedule asked for at its last run, by a seed of its own; nothing is recorded yet.
 * @throws {UserpipeError} `settings`, `input`
 */
export async function triggeredRun(options: TriggerOptions): Promise<NewRun> {
  const { runs, target, changes, otherwise } = options;
  const led = await isLed(runs, target);
  const last = led ? (await runs.list({ target, kinds: ["scheduled"], limit: 1 }))[0] : undefined;
  if (last === undefined) return await newRun(options, "manual", otherwise(led));
  const changed = changes(last);
  if (last.sourceKind === "file") return again(last);
  const { sourceKind, url, nat, count, page } = last;
  const asked = { sourceKind, seed: newSeed(), page, count, url, nat, ...changed };
  return await newRun(options, "manual", asked);
}

/** Which file it is only the process that runs the schedule knows. */
function again({ target, source, sourceKind, seed, page, count, url, nat }: Run): NewRun {
  const request = { source, sourceKind, seed, page, count, url, nat };
  return { id: crypto.randomUUID(), kind: "manual", scheduledAt: null, target, ...request };
}

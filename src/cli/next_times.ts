/** The next times of a schedule, on the clock of this machine and in UTC. */
import { nextTimes } from "../ingest/schedule.ts";
import type { ScheduleDefinition } from "../runs/runs.ts";
import { bothTimes, wholeSpan } from "./times.ts";

/** `2026-11-23 09:42:00 CET (2026-11-23 08:42:00 UTC), in 48s`. */
export function nextLines(definition: ScheduleDefinition, now: number, count: number): string[] {
  return nextTimes(definition, now, count).map((time) => `${bothTimes(time)}, in ${wholeSpan(time - now)}`);
}

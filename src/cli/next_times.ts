/** The next times of a schedule, on the clock of this machine and in UTC. */
import { scheduleOf } from "../ingest/schedule.ts";
import type { ScheduleDefinition } from "../runs/runs.ts";
import { bothTimes, wholeSpan } from "./times.ts";

/** The next `count` times after `now`, in ms since the epoch; fewer where no more come. */
export function nextTimes(definition: ScheduleDefinition, now: number, count: number): number[] {
  const schedule = scheduleOf(definition);
  const times: number[] = [];
  for (let time = schedule.next(now); time !== null && times.length < count; time = schedule.next(time)) {
    times.push(time);
  }
  return times;
}

/** `2026-11-23 09:42:00 CET (2026-11-23 08:42:00 UTC), in 48s`. */
export function nextLines(definition: ScheduleDefinition, now: number, count: number): string[] {
  return nextTimes(definition, now, count).map((time) => `${bothTimes(time)}, in ${wholeSpan(time - now)}`);
}

/**
 * When ingest runs: a period counted from the epoch in UTC, or a cron expression in a time zone. A tick comes every
 * minute; what is due at it is worked out here.
 */
import { UserpipeError } from "../errors.ts";
import { assertTimeZone, EXAMPLE, readCron } from "./cron.ts";
import type { RunTarget, ScheduleDefinition } from "../runs/runs.ts";

const MINUTE_MS = 60_000;
/** How late a time of a cron expression may be run: a process that starts again does not cost a run. */
const LATE_MS = 10 * MINUTE_MS;
/** Where the search for the last due times begins: so far back. It doubles. */
const FIRST_SPAN_MS = 60 * MINUTE_MS;

export interface Schedule {
  /** For people: `every 1m`, `"0 6 * * MON" in Europe/Berlin`. */
  readonly text: string;
  readonly definition: ScheduleDefinition;
  /** How late, in ms, a time may be run that came while no process ran; one that is later is missed. */
  readonly lateMs: number;
  /** The first time (ms since the epoch, a whole minute) after `time`; null where none comes. */
  next(time: number): number | null;
}

/** The name on record: a target has one schedule. */
export function scheduleName({ pipeline, topic }: RunTarget): string {
  return `${pipeline}/${topic}`;
}

/** @throws {UserpipeError} `settings` */
export function scheduleOf(definition: ScheduleDefinition): Schedule {
  return "every" in definition ? periodSchedule(definition.every) : cronSchedule(definition.cron, definition.timeZone);
}

/**
 * Every `periodMs` from the epoch in UTC, so that it does not depend on when the process was started.
 * @throws {UserpipeError} `settings` unless it is whole minutes
 */
export function periodSchedule(periodMs: number): Schedule {
  if (periodMs % MINUTE_MS !== 0) {
    throw new UserpipeError(
      "settings",
      `--every ${periodMs / 1000}s is no whole number of minutes`,
      "Name whole minutes, hours or days: 1m, 6h, 1d",
    );
  }
  const minutes = periodMs / MINUTE_MS;
  const [amount, unit] = minutes % 1440 === 0
    ? [minutes / 1440, "d"]
    : minutes % 60 === 0
    ? [minutes / 60, "h"]
    : [minutes, "m"];
  return {
    text: `every ${amount}${unit}`,
    definition: { every: periodMs },
    lateMs: periodMs,
    next: (time) => (Math.floor(time / periodMs) + 1) * periodMs,
  };
}

/**
 * A cron expression of five fields: minute, hour, day of month, month, day of week (0 or 7 is Sunday, names too).
 * @throws {UserpipeError} `settings` where the expression or the zone is wrong, or no time ever comes
 */
export function cronSchedule(expression: string, timeZone: string): Schedule {
  assertTimeZone(timeZone);
  const cron = readCron(expression, timeZone);
  if (cron.nextRun() === null) {
    throw new UserpipeError("settings", `--cron "${expression}" names a time that never comes`, EXAMPLE);
  }
  return {
    text: `"${expression}" in ${timeZone}`,
    definition: { cron: expression, timeZone },
    lateMs: LATE_MS,
    next: remembered((time) => cron.nextRun(new Date(time))?.getTime() ?? null),
  };
}

/** A far time is searched for day by day, and it is asked for every few seconds: the answer holds until it has come. */
function remembered(next: Schedule["next"]): Schedule["next"] {
  let [from, to]: [number, number | null] = [Infinity, null];
  return (time) => {
    if (time < from || (to !== null && time >= to)) [from, to] = [time, next(time)];
    return to;
  };
}

/** The next `count` times after `now`, in ms since the epoch; fewer where no more come. */
export function nextTimes(definition: ScheduleDefinition, now: number, count: number): number[] {
  const schedule = scheduleOf(definition);
  const times: number[] = [];
  for (let time = schedule.next(now); time !== null && times.length < count; time = schedule.next(time)) {
    times.push(time);
  }
  return times;
}

/** The times after `after` up to `until`, oldest first; of more than `most` the latest. */
export function dueTimes({ next }: Pick<Schedule, "next">, after: number, until: number, most: number): number[] {
  for (let span = FIRST_SPAN_MS;; span *= 2) {
    const from = Math.max(after, until - span);
    const times: number[] = [];
    for (let time = next(from); time !== null && time <= until; time = next(time)) times.push(time);
    if (from === after || times.length >= most) return times.slice(-most);
  }
}

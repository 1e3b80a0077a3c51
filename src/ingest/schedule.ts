/**
 * When ingest runs: a period counted from the epoch in UTC, or a cron expression in a time zone. A tick comes
 * every minute from `Deno.cron`; what is due at it is worked out here.
 */
import { Cron } from "croner";
import { UserpipeError } from "../errors.ts";

const MINUTE_MS = 60_000;
/** How much before its minute a tick may come and still count for it. */
const EARLY_MS = 1_000;

export interface Schedule {
  /** For people: `every 1m`, `"0 6 * * MON" in Europe/Berlin`. */
  readonly text: string;
  /** The first time (ms since the epoch, a whole minute) after `time`; null where none comes. */
  next(time: number): number | null;
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
  return { text: `every ${amount}${unit}`, next: (time) => (Math.floor(time / periodMs) + 1) * periodMs };
}

/**
 * A cron expression of five fields: minute, hour, day of month, month, day of week (0 or 7 is Sunday, names too).
 * @throws {UserpipeError} `settings` where the expression or the zone is wrong, or no time ever comes
 */
export function cronSchedule(expression: string, timeZone: string): Schedule {
  let cron: Cron;
  try {
    cron = new Cron(expression, { timezone: timeZone, mode: "5-part" });
    if (cron.nextRun() === null) throw new Error("that time never comes");
  } catch (error) {
    throw new UserpipeError(
      "settings",
      `--cron "${expression}" in ${timeZone}: ${error instanceof Error ? error.message : error}`,
      'Name minute, hour, day, month and weekday, and a zone as in --cron "0 6 * * MON-FRI" --time-zone Europe/Berlin',
      { cause: error },
    );
  }
  return {
    text: `"${expression}" in ${timeZone}`,
    next: (time) => cron.nextRun(new Date(time))?.getTime() ?? null,
  };
}

/** Calls `tick` once a minute, near its beginning, until `signal` is aborted; resolves then. Handed in, so that a test can drive the clock. */
export type Ticks = (tick: () => void, signal: AbortSignal) => Promise<void>;

/** One `Deno.cron` a process. Its own ticks never overlap or fail: `tick` must return at once and not throw. */
export const denoCronTicks: Ticks = (tick, signal) =>
  Deno.cron("userpipe", "* * * * *", { signal, backoffSchedule: [] }, tick);

export interface ScheduleOptions {
  schedule: Schedule;
  ticks: Ticks;
  /** ms since the epoch. */
  now: () => number;
  /** One run, for a due time. Must not reject: a failed run is reported there, and the next one comes. */
  run: (due: number) => Promise<void>;
  /** A run was due while another was under way. */
  onSkipped: (due: number) => void;
  signal: AbortSignal;
}

/** Runs what is due until `signal` is aborted; resolves when the run under way has ended. */
export async function runSchedule({ schedule, ticks, now, run, onSkipped, signal }: ScheduleOptions): Promise<void> {
  let next = schedule.next(now());
  let running: Promise<void> | undefined;
  const tick = () => {
    if (next === null || now() < next - EARLY_MS) return;
    const due = next;
    next = schedule.next(Math.max(now(), due));
    if (running !== undefined) return onSkipped(due);
    running = run(due).finally(() => running = undefined);
  };
  await ticks(tick, signal);
  await running;
}

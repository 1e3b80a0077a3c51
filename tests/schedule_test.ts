/** The schedule: what is due when, with the clock and the ticks in the test's hand. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UserpipeError } from "../src/errors.ts";
import {
  cronSchedule,
  denoCronTicks,
  periodSchedule,
  runSchedule,
  type Schedule,
  type Ticks,
} from "../src/ingest/schedule.ts";

const MINUTE = 60_000;
const at = (text: string) => Date.parse(text);

Deno.test("a period is counted from the epoch in UTC, not from the start of the process", () => {
  const hourly = periodSchedule(60 * MINUTE);
  assert.equal(hourly.next(at("2026-01-31T12:34:56Z")), at("2026-01-31T13:00:00Z"));
  assert.equal(hourly.next(at("2026-01-31T13:00:00Z")), at("2026-01-31T14:00:00Z"));
  assert.equal(periodSchedule(7 * MINUTE).next(0), 7 * MINUTE);
  assert.deepEqual([1, 90, 360, 2880].map((n) => periodSchedule(n * MINUTE).text), [
    "every 1m",
    "every 90m",
    "every 6h",
    "every 2d",
  ]);
});

Deno.test("the next time of a period is after now, a multiple of it, and the nearest", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 0, max: 4e12 }), (minutes, now) => {
    const next = periodSchedule(minutes * MINUTE).next(now)!;
    assert.ok(next > now && next - now <= minutes * MINUTE && next % (minutes * MINUTE) === 0);
  }));
});

Deno.test("a period that is no whole number of minutes is refused", () => {
  assert.throws(() => periodSchedule(90_000), { name: "UserpipeError", code: "settings" });
});

Deno.test("a cron expression is read in its time zone, over daylight saving both ways", () => {
  const daily = cronSchedule("30 2 * * *", "Europe/Berlin");
  assert.equal(daily.next(at("2026-01-10T00:00:00Z")), at("2026-01-10T01:30:00Z"));
  // 2026-03-29 02:30 does not exist in Berlin: the hour after stands in for it.
  assert.equal(daily.next(at("2026-03-28T12:00:00Z")), at("2026-03-29T01:00:00Z"));
  assert.equal(cronSchedule("0 12 29 2 *", "UTC").next(at("2026-01-01T00:00:00Z")), at("2028-02-29T12:00:00Z"));
  assert.equal(cronSchedule("0 6 * * MON", "UTC").next(at("2026-01-31T00:00:00Z")), at("2026-02-02T06:00:00Z"));
  assert.equal(cronSchedule("0 6 * * 0", "UTC").next(at("2026-01-31T00:00:00Z")), at("2026-02-01T06:00:00Z"));
});

for (
  const [expression, zone] of [
    ["0 0 31 2 *", "UTC"],
    ["61 * * * *", "UTC"],
    ["* * * *", "UTC"],
    ["* * * * * *", "UTC"],
    ["", "UTC"],
    ["* * * * *", "Mars/Base"],
  ] as const
) {
  Deno.test(`--cron "${expression}" in ${zone} is refused at once`, () => {
    assert.throws(
      () => cronSchedule(expression, zone),
      (error) => error instanceof UserpipeError && error.code === "settings",
    );
  });
}

/** A clock and its ticks, driven by hand. */
function driven(start: number) {
  let now = start;
  let tick = () => {};
  const ticks: Ticks = (given, signal) => {
    tick = given;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
  };
  return { ticks, now: () => now, tickAt: (time: number) => (now = time, tick()) };
}

async function drive(schedule: Schedule, start: number, times: number[], run: (due: number) => Promise<void>) {
  const clock = driven(start);
  const stop = new AbortController();
  const skipped: number[] = [];
  const ended = runSchedule({
    schedule,
    ticks: clock.ticks,
    now: clock.now,
    run,
    onSkipped: (due) => skipped.push(due),
    signal: stop.signal,
  });
  for (const time of times) {
    clock.tickAt(time);
    await new Promise((resolve) => setTimeout(resolve));
  }
  stop.abort();
  await ended;
  return skipped;
}

Deno.test("a tick runs what is due, once, also when it comes late or a little early", async () => {
  const due: number[] = [];
  const times = [1 * MINUTE, 2 * MINUTE - 5, 2 * MINUTE + 5, 3 * MINUTE + 20_000, 4 * MINUTE];
  await drive(periodSchedule(2 * MINUTE), 10, times, async (time) => void due.push(time));
  assert.deepEqual(due, [2 * MINUTE, 4 * MINUTE]);
});

Deno.test("a run that is still under way makes the next one skipped, and the one after it runs", async () => {
  let end = () => {};
  const due: number[] = [];
  const run = (time: number) => {
    due.push(time);
    return due.length === 1 ? new Promise<void>((resolve) => end = resolve) : Promise.resolve();
  };
  const clock = driven(0);
  const stop = new AbortController();
  const skipped: number[] = [];
  const ended = runSchedule({
    schedule: periodSchedule(MINUTE),
    ...clock,
    run,
    onSkipped: (time) => skipped.push(time),
    signal: stop.signal,
  });
  clock.tickAt(MINUTE);
  clock.tickAt(2 * MINUTE);
  end();
  await new Promise((resolve) => setTimeout(resolve));
  clock.tickAt(3 * MINUTE);
  stop.abort();
  await ended;
  assert.deepEqual({ due, skipped }, { due: [MINUTE, 3 * MINUTE], skipped: [2 * MINUTE] });
});

Deno.test("stopping waits for the run under way", async () => {
  let ended = false;
  await drive(periodSchedule(MINUTE), 0, [MINUTE], async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    ended = true;
  });
  assert.ok(ended);
});

Deno.test("Deno.cron's own ticks end with the signal", async () => {
  const stop = new AbortController();
  const ticks = denoCronTicks(() => {}, stop.signal);
  stop.abort();
  await ticks;
});

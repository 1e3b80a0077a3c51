/** The schedule: which times a period and a cron expression name, over every trick of the calendar. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UserpipeError } from "../src/errors.ts";
import { cronSchedule, dueTimes, periodSchedule, type Schedule, scheduleOf } from "../src/ingest/schedule.ts";
import { denoCronTicks } from "../src/ingest/ticks.ts";
import { timeText } from "../src/ingest/wording.ts";

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

Deno.test("a cron expression of other than five fields is told how many it has; a name stands for five", () => {
  for (
    const [expression, fields] of [["0 6 * *", "has 4 fields"], ["6", "has 1 field"], ["0 0 6 * * *", "has 6 fields"]]
  ) {
    assert.throws(() => cronSchedule(expression!, "UTC"), new RegExp(`" ${fields}, and exactly five are needed`));
  }
  assert.deepEqual(cronSchedule("@daily", "UTC").next(0), 86_400_000);
});

for (
  const [expression, zone, message, hint] of [
    ["61 * * * *", "UTC", /its first field is the minute, and "61" is none$/, /^It takes 0 to 59; .*As in --cron "0 6/],
    ["0 25 * * *", "UTC", /its second field is the hour, and "25" is none$/, /^It takes 0 to 23/],
    ["0 6 * * MOX", "UTC", /its fifth field is the weekday, and "MOX" is none$/, /SUN to SAT/],
    ["0 6 * 1-13 *", "UTC", /its fourth field is the month, and "1-13" is none$/, /JAN to DEC/],
    ["@never", "UTC", /"@never" is no name of a schedule/, /@daily/],
    ["", "UTC", /--cron "" is empty, and exactly five/, /weekday/],
    ["0 0 31 2 *", "UTC", /names a time that never comes/, /weekday/],
    ["* * * * *", "Europe/Berln", /^--time-zone "Europe\/Berln" is no time zone$/, /^Did you mean Europe\/Berlin\? /],
    ["* * * * *", "berlin", /is no time zone$/, /^Did you mean Europe\/Berlin\? /],
    ["* * * * *", "Mars/Base", /is no time zone$/, /^As in --time-zone Europe\/Berlin, or UTC$/],
  ] as const
) {
  Deno.test(`of --cron "${expression}" in ${zone} it is said what is wrong, and how it should look`, () => {
    assert.throws(() => cronSchedule(expression, zone), (error) => {
      assert.ok(error instanceof UserpipeError);
      assert.match(error.message, message);
      assert.match(error.hint, hint);
      return true;
    });
  });
}

/** All times of a schedule from one to the other. */
function times(schedule: Schedule, from: string, until: string): string[] {
  return dueTimes(schedule, at(from), at(until), 10_000).map((time) => new Date(time).toISOString().slice(5, 16));
}

for (
  const [change, zone, day, expression, expected] of [
    // Clocks go forward: what does not exist that day is run at the hour behind it, what is of every hour in each.
    ["forward", "Europe/Berlin", "2026-03-29", "30 2 * * *", ["03-29T01:00"]],
    ["forward", "America/New_York", "2026-03-08", "30 2 * * *", ["03-08T07:00"]],
    ["forward", "Australia/Lord_Howe", "2026-10-03", "15 2 * * *", ["10-03T15:30"]],
    ["forward", "Europe/Berlin", "2026-03-29", "30 * * * *", hours("03-29", 30)],
    ["forward", "America/New_York", "2026-03-08", "30 * * * *", hours("03-08", 30)],
    // Clocks go back: what is of one time runs once, what is of every hour in both.
    ["back", "Europe/Berlin", "2026-10-25", "30 2 * * *", ["10-25T00:30"]],
    ["back", "America/New_York", "2026-11-01", "30 1 * * *", ["11-01T05:30"]],
    ["back", "Australia/Lord_Howe", "2026-04-04", "45 1 * * *", ["04-04T14:45"]],
    ["back", "Europe/Berlin", "2026-10-25", "0 * * * *", hours("10-25", 0)],
    ["back", "America/New_York", "2026-11-01", "0 * * * *", hours("11-01", 0)],
  ] as const
) {
  Deno.test(`where clocks go ${change} in ${zone}, "${expression}" comes ${expected.length} times in the day`, () => {
    const next = new Date(at(`${day}T00:00:00Z`) + 24 * 60 * MINUTE).toISOString();
    const from = new Date(at(`${day}T00:00:00Z`) - 1).toISOString();
    assert.deepEqual(times(cronSchedule(expression, zone), from, new Date(at(next) - 1).toISOString()), expected);
  });
}

/** That minute of each hour of a day in UTC. */
function hours(day: string, minute: number): string[] {
  const two = (n: number) => String(n).padStart(2, "0");
  return Array.from({ length: 24 }, (_, hour) => `${day}T${two(hour)}:${two(minute)}`);
}

Deno.test("every minute comes in each of the hours of a change, in both ways and in a zone of half an hour", () => {
  for (
    const [zone, day] of [
      ["Europe/Berlin", "2026-03-29"],
      ["Europe/Berlin", "2026-10-25"],
      ["America/New_York", "2026-11-01"],
      ["Australia/Lord_Howe", "2026-04-04"],
      ["Australia/Lord_Howe", "2026-10-03"],
    ] as const
  ) {
    const found = times(cronSchedule("* * * * *", zone), `${day}T00:00:00Z`, `${day}T23:59:00Z`);
    assert.equal(new Set(found).size, 24 * 60 - 1, `${zone} ${day}`);
  }
});

Deno.test("the leap day and the last day of the month come when they are", () => {
  const leap = cronSchedule("0 12 29 2 *", "UTC");
  assert.deepEqual(times(leap, "2026-01-01T00:00:00Z", "2033-01-01T00:00:00Z"), ["02-29T12:00", "02-29T12:00"]);
  const last = times(cronSchedule("0 12 L * *", "UTC"), "2028-01-01T00:00:00Z", "2028-06-01T00:00:00Z");
  assert.deepEqual(last, ["01-31T12:00", "02-29T12:00", "03-31T12:00", "04-30T12:00", "05-31T12:00"]);
  const of31 = times(cronSchedule("0 12 31 * *", "UTC"), "2026-01-01T00:00:00Z", "2026-06-30T00:00:00Z");
  assert.deepEqual(of31, ["01-31T12:00", "03-31T12:00", "05-31T12:00"]);
});

Deno.test("of what is due the latest are given, oldest first, also where they lie far back", () => {
  const every = periodSchedule(MINUTE);
  assert.deepEqual(dueTimes(every, 0, 5 * MINUTE, 3), [3, 4, 5].map((n) => n * MINUTE));
  assert.deepEqual(dueTimes(every, 2 * MINUTE, 3 * MINUTE + 1, 1_000), [3 * MINUTE]);
  assert.deepEqual(dueTimes(every, 3 * MINUTE, 4 * MINUTE - 1, 1_000), []);
  const yearly = cronSchedule("0 0 1 1 *", "UTC");
  const found = dueTimes(yearly, at("2001-06-01T00:00:00Z"), at("2026-06-01T00:00:00Z"), 2);
  assert.deepEqual(found, [at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")]);
});

Deno.test("a schedule is made again of its definition", () => {
  for (const schedule of [periodSchedule(6 * 60 * MINUTE), cronSchedule("0 6 * * MON", "Europe/Berlin")]) {
    assert.equal(scheduleOf(schedule.definition).text, schedule.text);
  }
});

Deno.test("Deno.cron's own ticks end with the signal", async () => {
  const stop = new AbortController();
  const ticks = denoCronTicks(() => {}, stop.signal);
  stop.abort();
  await ticks;
});

Deno.test("ticks whose signal is aborted before they begin end at once", async () => {
  await denoCronTicks(() => assert.fail("a tick"), AbortSignal.abort());
});

Deno.test("a person is told times in the own zone, to the second and with the zone's name", () => {
  assert.match(timeText(at("2026-01-31T06:05:04Z")), /^2026-01-31 \d\d:05:04 \S+$/);
});

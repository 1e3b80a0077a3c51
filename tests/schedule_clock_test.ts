/** A schedule that is kept, by its clock: what is late, what is missed, and what a clock that is set makes of it. */
import assert from "node:assert/strict";
import { cronSchedule, periodSchedule } from "../src/ingest/schedule.ts";
import { until } from "./support/cli.ts";
import { DrivenClock, keeping, MINUTE, timetable, timetableIs, withRig } from "./support/schedule.ts";

Deno.test("a cron expression waits for its first time; a tick that comes a little early counts", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock(Date.parse("2031-05-05T10:58:00Z"));
    const start = clock.time;
    await keeping(rig, clock, { schedule: cronSchedule("*/5 * * * *", "UTC") }, async () => {
      clock.go(1);
      clock.time += MINUTE - 1_005;
      clock.go(0);
      assert.deepEqual(await timetable(rig.runs, start), []);
      clock.time += 10;
      clock.go(0);
      await timetableIs(rig.runs, start, ["2 delivered"]);
    });
  }));

Deno.test("times that came while no process ran are missed on record, and the current one is run", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    await keeping(rig, clock, {}, () => timetableIs(rig.runs, start, ["0 delivered"]));
    clock.go(4.5);
    await keeping(
      rig,
      clock,
      {},
      () => timetableIs(rig.runs, start, ["0 delivered", "1 missed", "2 missed", "3 missed", "4 delivered"]),
    );
  }));

Deno.test("of a long downtime the latest thousand are missed", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    await keeping(rig, clock, {}, () => timetableIs(rig.runs, start, ["0 delivered"]));
    clock.go(60 * 24 * 30);
    await keeping(rig, clock, {}, async ({ reports }) => {
      await until(() => reports.length === 1, 30_000, () => "the current one does not run");
      const { states } = await rig.runs.stats(0);
      assert.deepEqual(states, { delivered: 2, missed: 1_000 });
    });
  }));

/** Once a day, an hour behind the clock's time. */
function daily({ time }: DrivenClock) {
  const due = new Date(time + 60 * MINUTE);
  return cronSchedule(`${due.getUTCMinutes()} ${due.getUTCHours()} * * *`, "UTC");
}

const DAY = 24 * 60;

for (const catchUp of [false, true]) {
  Deno.test(`a daily time that is hours ago is ${catchUp ? "run once for all with --catch-up" : "missed"}`, () =>
    withRig(async (rig) => {
      const clock = new DrivenClock();
      const start = clock.time + 60 * MINUTE;
      const schedule = daily(clock);
      await keeping(rig, clock, { schedule }, async () => {});
      clock.go(3 * DAY + 180);
      const last = catchUp ? "delivered" : "missed";
      await keeping(rig, clock, { schedule, catchUp }, async () => {
        const days = [0, 1, 2].map((day) => `${day * DAY} missed`);
        await timetableIs(rig.runs, start, [...days, `${3 * DAY} ${last}`]);
      });
    }));
}

Deno.test("a process that starts again some minutes behind a daily time runs it", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const schedule = daily(clock);
    await keeping(rig, clock, { schedule }, async () => {});
    clock.go(69);
    await keeping(rig, clock, { schedule }, () => timetableIs(rig.runs, clock.time - 9 * MINUTE, ["0 delivered"]));
  }));

Deno.test("a clock that is set back repeats no time, and goes on once it has caught up", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    await keeping(rig, clock, {}, async ({ reports }) => {
      for (const minutes of [1, 1, -2, 1, 1, 1, -10, 10]) {
        clock.go(minutes);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      clock.go(1);
      await until(() => reports.length >= 5, 30_000, () => `${reports.length} runs`);
    });
    const table = await timetable(rig.runs, start);
    assert.deepEqual(table.filter((line) => !line.startsWith("-")), [0, 1, 2, 3, 4].map((n) => `${n} delivered`));
    assert.equal(new Set(table).size, table.length);
  }));

Deno.test("a clock that was years ahead and is set right does not stop the schedule", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    await keeping(rig, clock, {}, async ({ reports }) => {
      await timetableIs(rig.runs, start, ["0 delivered"]);
      clock.go(60 * 24 * 365);
      await until(() => reports.length === 2, 30_000, () => "the far one does not run");
      clock.time = start;
      for (let n = 1; n <= 3; n++) {
        clock.go(1);
        await until(() => reports.length === n + 2, 30_000, () => `minute ${n} does not run`);
      }
      assert.deepEqual((await timetable(rig.runs, start)).slice(0, 4), [0, 1, 2, 3].map((n) => `${n} delivered`));
    });
  }));

Deno.test("a clock that is set forward while running misses what lies between", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    await keeping(rig, clock, {}, async () => {
      await timetableIs(rig.runs, start, ["0 delivered"]);
      clock.go(3);
      await timetableIs(rig.runs, start, ["0 delivered", "1 missed", "2 missed", "3 delivered"]);
    });
  }));

Deno.test("another definition counts from when it is kept", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock(Date.parse("2031-05-05T10:00:00Z"));
    const start = clock.time;
    await keeping(rig, clock, { schedule: periodSchedule(60 * MINUTE) }, () =>
      timetableIs(rig.runs, start, ["0 delivered"]));
    clock.go(30);
    await keeping(rig, clock, {}, () =>
      timetableIs(rig.runs, start, ["0 delivered", "30 delivered"]));
  }));

/** A schedule that is kept, by its runs and its processes: each time is run once, by one of them, or skipped. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { newRun } from "../src/ingest/run.ts";
import { scheduleName } from "../src/ingest/schedule.ts";
import { until } from "./support/cli.ts";
import {
  ask,
  DrivenClock,
  hundred,
  keeping,
  MINUTE,
  TARGET,
  timetable,
  timetableIs,
  withRig,
} from "./support/schedule.ts";

const NAME = scheduleName(TARGET);

const away = () => new UserpipeError("source-unreachable", "it is away", "wait");

/** The source gives nothing until it is let go. */
function held() {
  let go = () => {};
  const gone = new Promise<void>((resolve) => go = resolve);
  return {
    go: () => go(),
    pages: async function* () {
      await gone;
      yield 100;
    },
  };
}

Deno.test("each minute is run once, and the first at once where the schedule is new", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    await keeping(rig, clock, {}, async ({ reports }) => {
      await timetableIs(rig.runs, start, ["0 delivered"]);
      for (let n = 1; n <= 3; n++) {
        clock.go(1);
        clock.go(0);
        await until(() => reports.length === n + 1, 30_000, () => `${reports.length} runs`);
      }
    });
    await timetableIs(rig.runs, start, [0, 1, 2, 3].map((n) => `${n} delivered`));
    assert.equal(new Set(rig.asked.map(({ seed }) => seed)).size, 4, "each has a seed of its own");
  }));

Deno.test("a run that is under way makes the next one skipped, and the one behind it runs", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    const source = held();
    rig.gives(source.pages);
    await keeping(rig, clock, {}, async ({ reports }) => {
      await until(() => rig.asked.length === 1, 30_000, () => "it does not run");
      clock.go(1);
      await timetableIs(rig.runs, start, ["0 running", "1 skipped"]);
      source.go();
      await until(() => reports.length === 1, 30_000, () => "it does not end");
      clock.go(1);
      await timetableIs(rig.runs, start, ["0 delivered", "1 skipped", "2 delivered"]);
    });
  }));

Deno.test("a run that waits for its next attempt is under way", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    rig.gives(async function* () {
      yield 0;
      throw away();
    });
    const run = rig.options({ retries: 1, retryDelay: { firstMs: 60_000, maxMs: 60_000 } });
    await keeping(rig, clock, { run }, async ({ stop }) => {
      await until(() => rig.asked.length === 1, 30_000, () => "it does not run");
      clock.go(1);
      await timetableIs(rig.runs, start, ["0 running", "1 skipped"]);
      await stop();
    });
    await timetableIs(rig.runs, start, ["0 interrupted", "1 skipped"]);
  }));

Deno.test("a paused schedule runs nothing and misses nothing, also over a restart, and goes on when it is resumed", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    await keeping(rig, clock, {}, async () => {
      await timetableIs(rig.runs, start, ["0 delivered"]);
      await rig.runs.pause(NAME, true);
      clock.go(1);
    });
    clock.go(1);
    const [record] = await rig.runs.schedules();
    const said: (number | null)[] = [];
    await keeping(rig, clock, { onPause: (pausedAt) => said.push(pausedAt) }, async () => {
      clock.go(1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual(await timetable(rig.runs, start), ["0 delivered"]);
      assert.deepEqual([said, typeof record!.pausedAt], [[record!.pausedAt], "number"]);
      await rig.runs.pause(NAME, false);
      await new Promise((resolve) => setTimeout(resolve, 600));
      clock.go(1);
      await timetableIs(rig.runs, start, ["0 delivered", "4 delivered"]);
    });
    assert.deepEqual(said, [record!.pausedAt, null]);
  }));

Deno.test("of two processes one makes the ticks; the other takes over when it is stopped, and nothing is doubled", () =>
  withRig(async (rig) => {
    const [one, other] = [new DrivenClock(), new DrivenClock()];
    const start = one.time;
    await keeping(rig, one, {}, async (first) => {
      await timetableIs(rig.runs, start, ["0 delivered"]);
      await keeping(rig, other, { run: rig.options({ runs: rig.open() }) }, async (second) => {
        assert.deepEqual([first.leads, second.leads], [[true], [false]]);
        for (const clock of [one, other]) clock.go(1);
        await timetableIs(rig.runs, start, ["0 delivered", "1 delivered"]);
        await first.stop();
        await until(() => second.leads.length === 2, 30_000, () => "nobody takes over");
        other.go(1);
        await timetableIs(rig.runs, start, ["0 delivered", "1 delivered", "2 delivered"]);
        assert.deepEqual([first.reports.length, second.reports.length], [2, 1]);
      });
    });
  }));

Deno.test("a process that is gone is followed by another, which fetches again what was under way", () =>
  withRig(async (rig) => {
    const [one, other] = [new DrivenClock(), new DrivenClock()];
    const doomed = rig.open();
    rig.gives(async function* (asked, signal) {
      yield 50;
      if (rig.asked.length === 1) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      else yield* hundred(asked, signal);
    });
    let followed = false;
    const gone = keeping(rig, one, { run: rig.options({ runs: doomed }) }, async () => {
      await until(() => rig.asked.length === 1, 30_000, () => "it does not run");
      await keeping(rig, other, {}, async ({ leads }) => {
        assert.deepEqual(leads, [false]);
        await doomed.close();
        await until(() => leads.length === 2, 30_000, () => "nobody takes over");
        await timetableIs(rig.runs, other.time, ["0 delivered"]);
        other.go(1);
        await timetableIs(rig.runs, other.time - MINUTE, ["0 delivered", "1 delivered"]);
        followed = true;
      });
    });
    // Nothing is left of its record.
    await assert.rejects(gone);
    assert.ok(followed);
    assert.equal(rig.asked[1]!.seed, rig.asked[0]!.seed);
  }));

Deno.test("a run that another process queues is made at once, also beside one of the schedule", () =>
  withRig(async (rig) => {
    const source = held();
    rig.gives((run, signal) => run.seed === "by hand" ? hundred(run, signal) : source.pages());
    await keeping(rig, new DrivenClock(), {}, async ({ reports }) => {
      await until(() => rig.asked.length === 1, 30_000, () => "it does not run");
      const run = await newRun(rig.options(), "manual", ask({ seed: "by hand" }));
      await rig.open().queue([run]);
      await until(() => reports.length === 1, 30_000, () => "it is not made");
      assert.deepEqual([reports[0]!.id, reports[0]!.kind, reports[0]!.state], [run.id, "manual", "delivered"]);
      source.go();
    });
  }));

Deno.test("more runs are queued than are made at once: all are made", () =>
  withRig(async (rig) => {
    await keeping(rig, new DrivenClock(), {}, async ({ reports }) => {
      const runs = await Promise.all(Array.from({ length: 20 }, () => newRun(rig.options(), "manual", ask())));
      await rig.runs.queue(runs);
      await until(() => reports.length === 21, 30_000, () => `${reports.length} are made`);
    });
  }));

Deno.test("a run that is tried again by hand has the seed and page of its first attempt", () =>
  withRig(async (rig) => {
    rig.gives(async function* () {
      yield 0;
      throw away();
    });
    await keeping(rig, new DrivenClock(), {}, async ({ reports }) => {
      await until(() => reports.length === 1, 30_000, () => "it does not run");
      const { id, state } = reports[0]!;
      assert.equal(state, "failed");
      rig.gives(hundred);
      assert.equal(await rig.open().retry(id), null);
      await until(() => reports.length === 2, 30_000, () => "it is not tried again");
      assert.deepEqual([reports[1]!.id, reports[1]!.state, reports[1]!.attempts], [id, "delivered", 2]);
      assert.deepEqual([rig.asked[1]!.seed, rig.asked[1]!.page], [rig.asked[0]!.seed, rig.asked[0]!.page]);
    });
  }));

Deno.test("stopping waits for the run under way, which is fetched again at the next start", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    rig.gives(async function* (_, signal) {
      yield 50;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    await keeping(rig, clock, {}, () => until(() => rig.published.length === 50, 30_000, () => "it does not publish"));
    await timetableIs(rig.runs, start, ["0 interrupted"]);
    rig.gives(hundred);
    await keeping(rig, clock, {}, () => timetableIs(rig.runs, start, ["0 delivered"]));
    assert.equal(rig.asked[1]!.seed, rig.asked[0]!.seed);
  }));

Deno.test("settings that are wrong end it at once", () =>
  withRig(async (rig) => {
    const run = rig.options({ openSource: () => Promise.reject(new Error("wrong")) });
    await assert.rejects(keeping(rig, new DrivenClock(), { run }, async () => {}));
  }));

/** The contract of the runs port: the due times of a schedule, of each of which there is one run ever. */
import assert from "node:assert/strict";
import type { Lead, Tick } from "../../src/runs/runs.ts";
import { end, get, lead, newRun, open, pause, SCHEDULE, TARGET, type Test, tick } from "./runs_kit.ts";

const timesOf = (ticks: readonly Tick[] | null) => ticks?.map(({ time }) => time);

export function ticks(test: Test): void {
  test("a due time is on record with what becomes of it", async (record) => {
    const [one, other] = await open(record, 2);
    const own = await lead(one!);
    const before = Date.now() - 1_000;
    const due = [tick(60_000, "missed"), tick(120_000, "skipped"), tick(180_000)];
    assert.deepEqual(timesOf(await one!.tick(own, due)), [60_000, 120_000, 180_000]);
    for (const { time, state, run } of due) {
      const { queuedAt, startedAt, endedAt, tries, log: _, ...rest } = await get(other!, run.id);
      const running = state === "running";
      assert.ok(running ? queuedAt >= before : queuedAt === time, `${state} at ${queuedAt}`);
      assert.deepEqual([startedAt !== null, endedAt !== null, tries.length], [running, !running, running ? 1 : 0]);
      const counts = { fetched: 0, published: 0, outbox: 0, refused: 0, bytes: 0 };
      const under = { attempts: running ? 1 : 0, workedMs: 0, attemptSince: running ? startedAt : null };
      assert.deepEqual(rest, { ...run, ...counts, ...under, scheduledAt: time, state, error: null });
    }
    assert.equal((await other!.schedules())[0]!.lastTick, 180_000);
    assert.equal(await other!.end("tick 180000", end()), false);
    assert.equal(await one!.end("tick 180000", end()), true);
    assert.equal(await other!.retry("tick 60000"), null, "a missed run can be made");
    assert.equal((await other!.takeQueued(TARGET, ["scheduled"]))?.attempts, 1);
  });

  test("runs are listed by the times that they are known by, not by when those were put on record", async (record) => {
    const [runs] = await open(record, 1);
    const own = await lead(runs!);
    await runs!.begin(newRun("manual"));
    await runs!.tick(own, [tick(120_000, "skipped"), tick(60_000, "missed")]);
    assert.deepEqual((await runs!.list({})).map(({ id }) => id), ["manual", "tick 120000", "tick 60000"]);
  });

  test("a time that has a run is left out, and another schedule's is its own", async (record) => {
    const [runs] = await open(record, 1);
    const own = await lead(runs!);
    assert.deepEqual(timesOf(await runs!.tick(own, [tick(120_000)])), [120_000]);
    const again = (time: number) => tick(time, "missed", { id: `again ${time}` });
    assert.deepEqual(timesOf(await runs!.tick(own, [again(60_000), again(120_000), again(180_000)])), [
      60_000,
      180_000,
    ]);
    assert.deepEqual(await runs!.tick(own, [again(60_000)]), []);
    assert.equal((await runs!.schedules())[0]!.lastTick, 180_000);
    assert.equal(await runs!.get("again 120000"), null);
    const other = await lead(runs!, "another");
    assert.deepEqual(timesOf(await runs!.tick(other, [tick(120_000, "running", { id: "of another" })])), [120_000]);
    assert.deepEqual(await runs!.tick(own, []), []);
  });

  test("due times are recorded all or none", async (record) => {
    const [runs] = await open(record, 1);
    const own = await lead(runs!);
    await runs!.begin(newRun("taken"));
    await assert.rejects(runs!.tick(own, [tick(60_000), tick(120_000, "running", { id: "taken" })]));
    assert.equal(await runs!.get("tick 60000"), null);
    const { lastTick, since } = (await runs!.schedules())[0]!;
    assert.equal(lastTick, null);
    const time = since + 120_000;
    await runs!.tick(own, [tick(time - 60_000), tick(time)]);
    assert.equal((await runs!.schedules())[0]!.since, time, "behind the last one that has a run");
  });

  test("under an epoch that is not the lead's nothing is recorded", async (record) => {
    const [one, other] = await open(record, 2);
    const own = await lead(one!);
    for (
      const wrong of [{ ...own, epoch: own.epoch + 1 }, { ...own, epoch: own.epoch - 1 }, { ...own, schedule: "x" }]
    ) {
      assert.equal(await one!.tick(wrong, [tick(60_000)]), null);
    }
    assert.equal(await other!.tick(own, [tick(60_000)]), null, "it is another process's");
    assert.deepEqual(await one!.list({}), []);
  });

  test("while leaders come and go, and several have the same times to record, each time has one run", async (record) => {
    const all = await open(record, 5);
    const times = Array.from({ length: 40 }, (_, n) => (n + 1) * 60_000);
    const recorded = await Promise.all(all.map(async (runs, process) => {
      const own: number[] = [];
      const due = (time: number) => tick(time, "running", { id: `${process} at ${time}` });
      // Each time is for two of them.
      for (let from = 8 * process; from < 8 * process + 16; from += 4) {
        let held: Lead | null;
        while ((held = await runs.lead(SCHEDULE)) === null) await pause(1);
        const ticks = [0, 1, 2, 3].map((n) => due(times[(from + n) % times.length]!));
        own.push(...timesOf(await runs.tick(held, ticks)) ?? []);
        await runs.yield(held);
        await pause(5 * Math.random());
      }
      return own;
    }));
    assert.deepEqual(recorded.flat().sort((a, b) => a - b), times);
    assert.equal((await all[0]!.list({ limit: 1_000 })).length, times.length);
  });

  test("of those who all believe that they lead, one records a time", async (record) => {
    const all = await open(record, 5);
    const own = await lead(all[0]!);
    for (let time = 60_000; time <= 600_000; time += 60_000) {
      const made = await Promise.all(
        all.map((runs, process) => runs.tick(own, [tick(time, "running", { id: `${process} at ${time}` })])),
      );
      assert.deepEqual(made.map((ticks) => ticks?.length ?? null), [1, null, null, null, null]);
    }
    const twice = await Promise.all(
      [1, 2, 3].map((n) => all[0]!.tick(own, [tick(660_000, "running", { id: `${n}` })])),
    );
    assert.deepEqual(twice.map((ticks) => ticks?.length).sort(), [0, 0, 1], "nor does one process twice");
  });
}

/** The contract of the runs port: who leads a schedule, and what is on record of it. */
import assert from "node:assert/strict";
import type { Runs } from "../../src/runs/runs.ts";
import { end, eventually, get, lead, open, pause, SCHEDULE, TARGET, type Test, tick } from "./runs_kit.ts";

const onRecord = async (runs: Runs) => (await runs.schedules()).find(({ name }) => name === SCHEDULE.name);

export function leads(test: Test): void {
  test("one process leads a schedule, as long as it says that it lives", async (record) => {
    const [one, other] = await open(record, 2);
    assert.deepEqual(await other!.schedules(), []);
    const first = await lead(one!);
    for (const until = Date.now() + 1.5 * record.leaseMs; Date.now() < until;) {
      assert.deepEqual(await one!.lead(SCHEDULE), first, "it keeps it, in the same epoch");
      assert.equal(await other!.lead(SCHEDULE), null);
      await pause(record.leaseMs / 4);
    }
    assert.equal((await onRecord(other!))?.led, true);
    assert.equal((await other!.lead({ ...SCHEDULE, name: "another" }))?.schedule, "another");
  });

  test("who gives the lead up is followed at once, in a later epoch", async (record) => {
    const [one, other] = await open(record, 2);
    const first = await lead(one!);
    await one!.yield(first);
    assert.equal((await onRecord(other!))?.led, false);
    const second = await lead(other!);
    assert.ok(second.epoch > first.epoch);
    assert.equal(await one!.tick(first, [tick(60_000)]), null);
    await one!.yield(first);
    assert.deepEqual(await other!.lead(SCHEDULE), second, "an older lead gives up nothing");
    await other!.yield(second);
    const third = await lead(other!);
    await other!.yield(second);
    assert.deepEqual(await other!.lead(SCHEDULE), third, "nor does one of its own");
  });

  test("the lead of a process that is gone is another's, with what it had under way", async (record) => {
    const gone = await record.open();
    const [runs] = await open(record, 1);
    const first = await lead(gone.runs);
    assert.equal((await gone.runs.tick(first, [tick(60_000)]))?.length, 1);
    await gone.crash();
    const second = await eventually(record.goneMs, "the lead is free", () => runs!.lead(SCHEDULE));
    assert.ok(second.epoch > first.epoch);
    const [run] = await eventually(record.goneMs, "its run is given", async () => {
      const found = await runs!.interrupted(TARGET);
      return found.length > 0 && found;
    });
    assert.equal(run!.id, "tick 60000");
    assert.deepEqual(await runs!.tick(second, [tick(60_000)]), [], "its time has its run");
  });

  test("a frozen leader loses the lead and the run under way, and writes nothing of either when it is back", async (record) => {
    const frozen = await record.open();
    const [other] = await open(record, 1);
    const first = await lead(frozen.runs);
    await frozen.runs.tick(first, [tick(60_000)]);
    await frozen.freeze();
    assert.equal(await other!.lead(SCHEDULE), null, "its lease is not over");
    const second = await eventually(record.leaseMs + record.goneMs, "the lease ends", () => other!.lead(SCHEDULE));
    assert.ok(second.epoch > first.epoch);
    assert.deepEqual((await other!.interrupted(TARGET)).map(({ id }) => id), ["tick 60000"]);
    await other!.again("tick 60000");
    await frozen.thaw();
    assert.equal(await frozen.runs.tick(first, [tick(120_000, "running", { id: "late" })]), null);
    assert.equal(await frozen.runs.end("tick 60000", end({ state: "failed", error: "late" })), false);
    await frozen.runs.log("tick 60000", [{ attempt: 1, at: 1, level: "info", text: "late" }]);
    await assert.rejects(frozen.runs.again("tick 60000"));
    assert.equal(await frozen.runs.lead(SCHEDULE), null);
    assert.equal(await other!.end("tick 60000", end()), true);
    const { state, attempts, log, error } = await get(other!, "tick 60000");
    assert.deepEqual({ state, attempts, log, error }, { state: "delivered", attempts: 2, log: [], error: null });
    assert.equal(await other!.get("late"), null);
  });

  test("a lease that is over makes no ticks, also where nobody took the lead", async (record) => {
    const [runs] = await open(record, 1);
    const first = await lead(runs!);
    await pause(record.leaseMs + 50);
    assert.equal(await runs!.tick(first, [tick(60_000)]), null);
    assert.equal((await onRecord(runs!))?.led, false);
    const second = await lead(runs!);
    assert.equal((await runs!.tick(second, [tick(60_000)]))?.length, 1);
  });

  test("of many that would lead one does", async (record) => {
    const all = await open(record, 6);
    const leads = await Promise.all(all.map((runs) => runs.lead(SCHEDULE)));
    assert.equal(leads.filter((lead) => lead !== null).length, 1);
  });

  test("a schedule is on record as its leader defines it", async (record) => {
    const [one, other] = await open(record, 2);
    const before = Date.now() - 1_000;
    const first = await lead(one!);
    const { since, ...known } = (await onRecord(other!))!;
    assert.deepEqual(known, { ...SCHEDULE, pausedAt: null, led: true, lastTick: null });
    assert.ok(since >= before && since <= Date.now() + 1_000, String(since));
    const definition = { cron: "0 6 * * *", timeZone: "Europe/Berlin" };
    const target = { ...TARGET, topic: "o", broker: "kafka" as const };
    const changed = { ...SCHEDULE, text: '"0 6 * * *" in Europe/Berlin', definition, target };
    assert.equal(await other!.lead(changed), null);
    assert.deepEqual((await onRecord(other!))!.definition, SCHEDULE.definition, "who does not lead defines nothing");
    await pause(20);
    await one!.lead(SCHEDULE);
    assert.equal((await onRecord(other!))!.since, since, "it is as it was");
    await one!.yield(first);
    assert.ok(await other!.lead(changed));
    const { since: later, ...now } = (await onRecord(one!))!;
    assert.deepEqual(now, { ...changed, pausedAt: null, led: true, lastTick: null });
    assert.ok(later > since, "times of the definition before do not count");
  });

  test("a schedule that is held stays so whoever leads, and its times behind that count", async (record) => {
    const [one, other] = await open(record, 2);
    assert.equal(await one!.pause("none", true), false);
    const first = await lead(one!);
    const { since } = (await onRecord(one!))!;
    await pause(20);
    assert.equal(await one!.pause(SCHEDULE.name, false), true);
    assert.equal((await onRecord(one!))!.since, since, "it was not held");
    assert.equal(await other!.pause(SCHEDULE.name, true), true);
    const { pausedAt } = (await onRecord(one!))!;
    assert.ok(pausedAt !== null && Math.abs(pausedAt - Date.now()) < 10_000, String(pausedAt));
    assert.deepEqual(await one!.tick(first, [tick(60_000)]), []);
    assert.equal(await one!.get("tick 60000"), null);
    await one!.yield(first);
    const second = await lead(other!);
    await pause(20);
    await one!.pause(SCHEDULE.name, true);
    assert.equal((await onRecord(one!))!.pausedAt, pausedAt, "it is held since then");
    assert.equal(await one!.pause(SCHEDULE.name, false), true);
    const resumed = (await onRecord(one!))!;
    assert.equal(resumed.pausedAt, null);
    assert.ok(resumed.since > pausedAt, "what was due meanwhile does not count");
    assert.equal((await other!.tick(second, [tick(60_000)]))?.length, 1);
  });
}

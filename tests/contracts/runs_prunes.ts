/** The contract of the runs port: what is removed of it, and what is not. */
import assert from "node:assert/strict";
import type { Runs } from "../../src/runs/runs.ts";
import { end, eventually, get, idsOf, lead, newRun, open, TARGET, type Test, tick } from "./runs_kit.ts";

const LATER = () => Date.now() + 60_000;
const left = async (runs: Runs) => idsOf(await runs.list({ limit: 5_000 }));

async function delivered(runs: Runs, ids: readonly string[], endedAt = Date.now()): Promise<void> {
  for (const id of ids) {
    await runs.begin(newRun(id));
    await runs.log(id, [{ attempt: 1, at: 1, level: "info", text: id }]);
    await runs.end(id, end({ endedAt }));
  }
}

export function prunes(test: Test): void {
  test("what ended before is removed with all of it, and what is not at its end stays", async (record) => {
    const [runs] = await open(record, 1);
    await delivered(runs!, ["delivered"]);
    await runs!.begin(newRun("cut"));
    await runs!.end("cut", end({ state: "interrupted", again: false }));
    await runs!.queue([newRun("queued")]);
    await runs!.begin(newRun("running"));
    await runs!.begin(newRun("to be fetched"));
    await runs!.end("to be fetched", end({ state: "interrupted", again: true }));
    await delivered(runs!, ["ends later"], Date.now() + 120_000);
    assert.equal(await runs!.prune(Date.now() - 60_000), 0);
    assert.equal(await runs!.prune(LATER()), 2);
    assert.deepEqual(await left(runs!), ["ends later", "to be fetched", "running", "queued"]);
    assert.equal(await runs!.get("delivered"), null);
    assert.equal(await runs!.end("running", end()), true);
    assert.deepEqual(idsOf(await runs!.interrupted(TARGET)), ["to be fetched"]);
    await delivered(runs!, ["delivered"]);
    assert.deepEqual((await get(runs!, "delivered")).log.length, 1, "nothing is left of the one before");
  });

  test("files of a process that is gone are removed too", async (record) => {
    const gone = await record.open();
    const [runs] = await open(record, 1);
    await gone.runs.begin(newRun("1", { sourceKind: "file" }));
    await gone.crash();
    await eventually(record.goneMs, "it is removed", async () => await runs!.prune(LATER()) === 1);
  });

  test("of those that ended the newest are kept, as many as it says", async (record) => {
    const [runs] = await open(record, 1);
    await runs!.begin(newRun("running"));
    await delivered(runs!, ["1", "2", "3", "4", "5"]);
    await runs!.queue([newRun("queued")]);
    assert.equal(await runs!.prune(0, 5), 0);
    assert.equal(await runs!.prune(0, 3), 2);
    assert.deepEqual(await left(runs!), ["queued", "5", "4", "3", "running"]);
    assert.equal(await runs!.prune(0, 0), 3);
    assert.deepEqual(await left(runs!), ["queued", "running"]);
  });

  test("many are removed as well as few", async (record) => {
    const [runs] = await open(record, 1);
    const own = await lead(runs!);
    const times = Array.from({ length: 2_500 }, (_, n) => (n + 1) * 60_000);
    await runs!.tick(own, times.map((time) => tick(time, "missed")));
    assert.equal(await runs!.prune(LATER(), 1), 2_500);
    assert.deepEqual(await left(runs!), []);
  });

  test("a time whose run is removed has none again, and the schedule knows its last", async (record) => {
    const [one, other] = await open(record, 2);
    const own = await lead(one!);
    await one!.tick(own, [tick(60_000, "skipped"), tick(120_000, "skipped"), tick(180_000)]);
    assert.equal(await other!.prune(LATER()), 2);
    const again = [60_000, 120_000, 180_000, 240_000].map((time) => tick(time, "running", { id: `again ${time}` }));
    assert.deepEqual((await one!.tick(own, again))?.map(({ time }) => time), [240_000]);
    assert.equal((await other!.schedules())[0]!.lastTick, 240_000);
    await one!.end("tick 180000", end());
    await one!.end("again 240000", end());
    await other!.prune(LATER());
    assert.deepEqual(await left(one!), []);
    assert.equal((await other!.schedules())[0]!.lastTick, 240_000);
  });
}

/** The contract of the runs port: runs that are queued for whoever takes them, and those that are tried once more. */
import assert from "node:assert/strict";
import type { Run } from "../../src/runs/runs.ts";
import { COUNTS, end, eventually, get, idsOf, MANUAL, newRun, open, TARGET, type Test } from "./runs_kit.ts";

export function queues(test: Test): void {
  test("queued runs are taken oldest first, by target and kind", async (record) => {
    const [one, other] = await open(record, 2);
    const backfill = { kind: "backfill" } as const;
    await one!.queue([newRun("3"), newRun("2", backfill), newRun("1", { target: { ...TARGET, topic: "o" } })]);
    await one!.queue([newRun("0")]);
    await one!.queue([]);
    const queued = await get(other!, "3");
    assert.deepEqual([queued.state, queued.startedAt, queued.attempts, queued.tries], ["queued", null, 0, []]);
    const taken = await other!.takeQueued(TARGET, ["manual", "scheduled"]);
    assert.deepEqual([taken?.id, taken?.state, taken?.attempts, taken?.seed], ["3", "running", 1, "a seed"]);
    assert.ok(taken!.startedAt! >= taken!.queuedAt);
    assert.equal((await other!.takeQueued(TARGET, MANUAL))?.id, "0");
    assert.equal(await other!.takeQueued(TARGET, MANUAL), null);
    assert.equal((await other!.takeQueued(TARGET, [...MANUAL, "backfill"]))?.id, "2");
    assert.equal(await one!.end("3", end()), false, "it is whose took it");
    assert.equal(await other!.end("3", end()), true);
    assert.deepEqual((await get(one!, "3")).tries.map(({ number, fetched }) => [number, fetched]), [[1, 7]]);
    assert.equal((await get(one!, "1")).state, "queued");
  });

  test("a run that is on record is not queued again, whatever became of it", async (record) => {
    const [one, other] = await open(record, 2);
    assert.deepEqual(await one!.queue([newRun("1"), newRun("2")]), [newRun("1"), newRun("2")]);
    await other!.takeQueued(TARGET, MANUAL);
    await other!.end("1", end());
    assert.deepEqual(idsOf(await other!.queue([newRun("3"), newRun("1"), newRun("2")])), ["3"]);
    assert.deepEqual([(await get(one!, "1")).state, (await get(one!, "2")).state], ["delivered", "queued"]);
  });

  test("a queued run is taken by one of many", async (record) => {
    const all = await open(record, 4);
    const ids = Array.from({ length: 24 }, (_, n) => String(n + 10));
    await all[0]!.queue(ids.map((id) => newRun(id)));
    const taken = await Promise.all(all.map(async (runs) => {
      const own: Run[] = [];
      for (let run; (run = await runs.takeQueued(TARGET, MANUAL)) !== null;) own.push(run);
      return idsOf(own);
    }));
    assert.deepEqual(taken.flat().sort(), ids);
  });

  test("queued runs survive who queued them; one that was taken is interrupted with who took it", async (record) => {
    const gone = await record.open();
    const [runs] = await open(record, 1);
    await gone.runs.queue([newRun("1"), newRun("2")]);
    await gone.runs.takeQueued(TARGET, MANUAL);
    await gone.crash();
    assert.equal((await runs!.takeQueued(TARGET, MANUAL))?.id, "2");
    const [cut] = await eventually(record.goneMs, "it is given", async () => {
      const found = await runs!.interrupted(TARGET);
      return found.length > 0 && found;
    });
    assert.equal(cut!.id, "1");
  });

  test("a run that has ended is tried once more, as its next attempt", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.begin(newRun("1", { kind: "scheduled" }));
    await one!.end("1", end({ state: "failed", error: "away" }));
    assert.equal(await other!.retry("1"), null);
    const queued = await get(one!, "1");
    assert.deepEqual([queued.state, queued.endedAt, queued.fetched], ["queued", null, COUNTS.fetched]);
    assert.equal(await one!.end("1", end()), false);
    assert.match((await one!.retry("1"))!, /queued/);
    const taken = await one!.takeQueued(TARGET, ["scheduled"]);
    const { id, attempts, seed, page, queuedAt, startedAt } = taken!;
    assert.deepEqual([id, attempts, seed, page], ["1", 2, "a seed", 3]);
    assert.deepEqual([queuedAt, startedAt], [queued.queuedAt, queued.startedAt], "it is the same run");
    assert.match((await other!.retry("1"))!, /under way/);
    await one!.end("1", end());
    assert.equal((await get(other!, "1")).state, "delivered");
    assert.equal(await other!.retry("1"), null, "one that was delivered too");
  });

  test("what cannot be tried once more says why", async (record) => {
    const [one, other] = await open(record, 2);
    assert.match((await one!.retry("none"))!, /no run/);
    await one!.begin(newRun("file", { sourceKind: "file", source: "users.json", seed: null, page: null, count: null }));
    await one!.end("file", end());
    assert.match((await other!.retry("file"))!, /users\.json/);
    await one!.begin(newRun("generated", { sourceKind: "generated", page: null }));
    await one!.end("generated", end());
    assert.equal(await other!.retry("generated"), null, "of one seed the generator gives the same");
    await one!.begin(newRun("claimed"));
    await one!.end("claimed", end({ state: "interrupted", again: true }));
    await one!.interrupted(TARGET);
    assert.match((await other!.retry("claimed"))!, /again/);
    await one!.begin(newRun("cut"));
    await one!.end("cut", end({ state: "interrupted", again: true }));
    assert.equal(await other!.retry("cut"), null);
    assert.deepEqual(idsOf(await one!.interrupted(TARGET)), ["claimed"], "it is queued instead");
  });

  test("whoever waits is told within half a second of what another queues, tries again, holds or lets go on", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.lead({ name: "s", text: "every 1m", definition: { every: 60_000 }, target: TARGET });
    await one!.begin(newRun("1"));
    await one!.end("1", end());
    const changes: [string, () => Promise<unknown>][] = [
      ["queue", () => other!.queue([newRun("2")])],
      ["retry", () => other!.retry("1")],
      ["pause", () => other!.pause("s", true)],
      ["resume", () => other!.pause("s", false)],
      ["its own", () => one!.queue([newRun("3")])],
    ];
    for (const [what, change] of changes) {
      const told = one!.changed(AbortSignal.timeout(30_000)).then(() => Date.now());
      await change();
      const at = Date.now();
      assert.ok(await told - at < 4_000, `${what} took ${await told - at} ms`);
    }
  });

  test("who waits in vain waits until the signal, and one that closes waits no more", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.queue([newRun("1")]);
    const stop = new AbortController();
    let told = false;
    const waiting = one!.changed(stop.signal).then(() => told = true);
    await other!.begin(newRun("2"));
    await other!.end("2", end());
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal(told, false, "nothing was queued");
    stop.abort();
    await waiting;
    await one!.changed(stop.signal);
    const closing = other!.changed(new AbortController().signal);
    await other!.close();
    await closing;
  });
}

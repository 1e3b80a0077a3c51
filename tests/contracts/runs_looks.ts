/** The contract of the runs port: what people see of the runs on record. */
import assert from "node:assert/strict";
import type { Runs, RunState } from "../../src/runs/runs.ts";
import { end, get, idsOf, newRun, NO_COUNTS, open, pause, TARGET, type Test } from "./runs_kit.ts";

/** Runs 1 to n that ended in the states, in this order. */
async function ended(runs: Runs, states: readonly ("delivered" | "to outbox" | "failed" | "interrupted")[]) {
  for (const [n, state] of states.entries()) {
    await runs.begin(newRun(String(n + 1)));
    await runs.end(String(n + 1), end({ state, ...state === "delivered" ? {} : NO_COUNTS }));
  }
}

export function looks(test: Test): void {
  test("runs are listed newest first, by id, state, kind, target and time, fifty unless it is said", async (record) => {
    const [one, other] = await open(record, 2);
    assert.deepEqual(await one!.list({}), []);
    await ended(one!, ["delivered", "failed", "to outbox", "failed"]);
    await one!.begin(newRun("5", { kind: "backfill" }));
    const target = { ...TARGET, topic: "o" };
    await one!.queue([newRun("6", { target }), newRun("7")]);
    const listed = async (filter: Parameters<Runs["list"]>[0]) => idsOf(await other!.list(filter));
    assert.deepEqual(await listed({}), ["7", "6", "5", "4", "3", "2", "1"]);
    assert.deepEqual(await listed({ limit: 2 }), ["7", "6"]);
    assert.deepEqual(await listed({ states: ["failed", "queued"] }), ["7", "6", "4", "2"]);
    assert.deepEqual(await listed({ states: ["failed"], limit: 1 }), ["4"]);
    assert.deepEqual(await listed({ states: [] }), []);
    assert.deepEqual(await listed({ ids: ["2", "none", "6"] }), ["6", "2"]);
    assert.deepEqual(await listed({ ids: ["1", "2"], states: ["delivered"] }), ["1"]);
    assert.deepEqual(await listed({ kinds: ["backfill", "scheduled"] }), ["5"]);
    assert.deepEqual(await listed({ target }), ["6"]);
    assert.deepEqual(await listed({ target: { topic: "o" } }), ["6"]);
    assert.deepEqual(await listed({ target: { pipeline: "users", broker: "kafka" } }), []);
    assert.deepEqual(await listed({ target, states: ["queued"], kinds: ["manual"], limit: 3 }), ["6"]);
    const { tries: _, log: _log, ...run } = await get(one!, "3");
    assert.deepEqual((await other!.list({ states: ["to outbox"] }))[0], run);
    await pause(20);
    const since = (await get(one!, "7")).queuedAt + 10;
    await one!.queue(Array.from({ length: 60 }, (_, n) => newRun(`more ${n}`)));
    assert.equal((await listed({ since, limit: 100 })).length, 60);
    assert.equal((await listed({})).length, 50);
    assert.equal((await listed({}))[0], "more 59", "of those queued at once, the last is the newest");
  });

  test("an id that is not there is null; a run is found by how its id begins", async (record) => {
    const [runs] = await open(record, 1);
    assert.equal(await runs!.get("none"), null);
    const ids = ["ab1", "ab2", "aB3", "b_4", "b%5", "b5", "é6"];
    await runs!.queue(ids.map((id) => newRun(id)));
    assert.deepEqual(await runs!.find("ab"), ["ab2", "ab1"]);
    assert.deepEqual(await runs!.find("ab1"), ["ab1"]);
    assert.deepEqual(await runs!.find("b_"), ["b_4"]);
    assert.deepEqual(await runs!.find("b%"), ["b%5"]);
    assert.deepEqual(await runs!.find("é"), ["é6"]);
    assert.deepEqual(await runs!.find("c"), []);
    await runs!.queue(Array.from({ length: 11 }, (_, n) => newRun(`many ${n}`)));
    const many = await runs!.find("many");
    assert.deepEqual([many.length, many[0]], [10, "many 10"]);
  });

  test("the figures are those of the last attempts", async (record) => {
    const [runs] = await open(record, 1);
    const none = { runs: 0, states: {}, made: 0, delivered: null, p50Ms: null, p95Ms: null, days: [] };
    assert.deepEqual(await runs!.stats(0), { ...none, fetched: 0, published: 0, refused: 0 });
    await runs!.queue([newRun("queued")]);
    assert.deepEqual([(await runs!.stats(0)).delivered, (await runs!.stats(0)).p50Ms], [null, null]);
    const states: [RunState, number][] = [];
    for (let n = 1; n <= 20; n++) {
      const id = String(n);
      await runs!.begin(newRun(id));
      const state = n <= 10 ? "delivered" : n <= 12 ? "to outbox" : n <= 19 ? "failed" : "interrupted";
      const { startedAt } = await get(runs!, id);
      await runs!.end(id, end({ state, endedAt: startedAt! + n * 100, fetched: n, published: n - 1, refused: 1 }));
      states.push([state, n]);
    }
    await runs!.begin(newRun("running"));
    const { days, ...stats } = await runs!.stats(0);
    assert.deepEqual(stats, {
      runs: 22,
      states: { queued: 1, running: 1, delivered: 10, "to outbox": 2, failed: 7, interrupted: 1 },
      made: 20,
      delivered: 12 / 20,
      p50Ms: 1_000,
      p95Ms: 1_900,
      fetched: 210,
      published: 190,
      refused: 20,
    });
    assert.deepEqual([days.reduce((sum, { runs }) => sum + runs, 0), days.at(-1)!.published > 0], [22, true]);
    assert.match(days[0]!.day, /^\d{4}-\d\d-\d\d$/);
    await runs!.retry("1");
    await runs!.takeQueued(TARGET, ["manual"]);
    await runs!.takeQueued(TARGET, ["manual"]);
    assert.equal((await runs!.stats(0)).fetched, 209, "of a run that is tried again, what its last attempt did");
    assert.equal((await runs!.stats(Date.now() + 60_000)).runs, 0);
  });

  test("the record says that it works, and what it is called", async (record) => {
    const [runs] = await open(record, 1);
    await ended(runs!, ["delivered"]);
    const check = await runs!.check();
    assert.equal(check.ok, true, JSON.stringify(check));
    assert.match(runs!.name, /^the record of runs in /);
  });
}

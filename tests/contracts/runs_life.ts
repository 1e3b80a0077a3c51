/** The contract of the runs port: a run from its begin to its end, with its attempts and its log. */
import assert from "node:assert/strict";
import { LOG_LINES, LOG_TEXT, type LogLine } from "../../src/runs/runs.ts";
import { COUNTS, end, get, newRun, NO_COUNTS, open, type Test } from "./runs_kit.ts";

const line = (text: string, attempt = 1): LogLine => ({ attempt, at: 5, level: "info", text });

export function life(test: Test): void {
  test("a run is on record from its begin, whole, and seen by others", async (record) => {
    const [one, other] = await open(record, 2);
    const before = Date.now() - 1_000;
    const run = newRun("1", { scheduledAt: 60_000, kind: "backfill" });
    await one!.begin(run);
    const { queuedAt, startedAt, tries, log, ...rest } = await get(other!, "1");
    assert.deepEqual(rest, { ...run, ...NO_COUNTS, state: "running", endedAt: null, error: null, attempts: 1 });
    assert.ok(queuedAt >= before && queuedAt <= Date.now() + 1_000, String(queuedAt));
    assert.equal(startedAt, queuedAt);
    assert.deepEqual(log, []);
    const attempt = { number: 1, startedAt: queuedAt, endedAt: null, error: null, nextAt: null };
    assert.deepEqual(tries, [{ ...attempt, ...NO_COUNTS }]);
  });

  test("what a run may lack is null on record", async (record) => {
    const [runs] = await open(record, 1);
    const none = { seed: null, page: null, count: null, url: null, nat: null } as const;
    await runs!.begin(newRun("1", { ...none, sourceKind: "file" }));
    const { seed, page, count, url, nat, scheduledAt } = await get(runs!, "1");
    assert.deepEqual({ seed, page, count, url, nat, scheduledAt }, { ...none, scheduledAt: null });
  });

  test("the end of an attempt is on record, once", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.begin(newRun("1"));
    assert.equal(await other!.end("1", end()), false, "it is another's");
    const endedAt = Date.now() + 5;
    assert.equal(await one!.end("1", end({ state: "to outbox", endedAt, error: "why" })), true);
    assert.equal(await one!.end("1", end()), false, "it has ended");
    assert.equal(await one!.end("none", end()), false);
    const { state, attempts, tries, ...rest } = await get(other!, "1");
    assert.deepEqual({ state, attempts }, { state: "to outbox", attempts: 1 });
    const { fetched, published, outbox, refused, bytes, endedAt: ended, error } = rest;
    assert.deepEqual({ fetched, published, outbox, refused, bytes, ended, error }, {
      ...{ ...COUNTS, ended: endedAt, error: "why" },
    });
    const { startedAt: _, ...attempt } = tries[0]!;
    assert.deepEqual(attempt, { number: 1, ...COUNTS, endedAt, error: "why", nextAt: null });
  });

  test("where another attempt comes the run stays its process's, and goes on by a number of its own", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.begin(newRun("1"));
    await assert.rejects(one!.again("1"), "its first attempt is under way");
    const nextAt = Date.now() + 60_000;
    assert.equal(await one!.end("1", end({ state: "running", error: "away", nextAt })), true);
    const waiting = await get(other!, "1");
    assert.deepEqual([waiting.state, waiting.endedAt, waiting.tries[0]!.nextAt], ["running", null, nextAt]);
    await assert.rejects(other!.again("1"), "it is another's");
    assert.equal(await one!.again("1"), 2);
    const { state, startedAt, attempts, error, fetched, tries } = await get(other!, "1");
    assert.deepEqual({ state, startedAt, attempts }, { state: "running", startedAt: waiting.startedAt, attempts: 2 });
    assert.deepEqual({ error, fetched }, { error: null, fetched: 0 }, "those of the last attempt");
    assert.deepEqual(tries.map(({ number, error }) => [number, error]), [[1, "away"], [2, null]]);
    assert.equal(await one!.end("1", end({ fetched: 8 })), true);
    assert.deepEqual((await get(other!, "1")).tries.map(({ fetched }) => fetched), [7, 8]);
    await assert.rejects(one!.again("1"), "it has ended");
    await assert.rejects(one!.again("none"));
  });

  test("a run that waits for its next attempt can end without it", async (record) => {
    const [runs] = await open(record, 1);
    await runs!.begin(newRun("1"));
    await runs!.end("1", end({ state: "running", error: "away", nextAt: Date.now() + 60_000 }));
    const now = Date.now() + 7;
    assert.equal(await runs!.end("1", end({ ...NO_COUNTS, state: "failed", endedAt: now, error: "stopped" })), true);
    const { state, endedAt, error, attempts, fetched, tries } = await get(runs!, "1");
    assert.deepEqual({ state, endedAt, error }, { state: "failed", endedAt: now, error: "stopped" });
    assert.deepEqual({ attempts, fetched }, { attempts: 1, fetched: COUNTS.fetched }, "the attempt is as it was");
    assert.deepEqual([tries[0]!.error, tries[0]!.nextAt], ["away", null], "none comes any more");
  });

  test("a run whose id is on record is not begun", async (record) => {
    const [runs] = await open(record, 1);
    await runs!.begin(newRun("1"));
    await assert.rejects(runs!.begin(newRun("1", { seed: "other" })));
    assert.equal((await get(runs!, "1")).seed, "a seed");
  });

  test("a run's log has what its process says of it, in order", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.begin(newRun("1"));
    await one!.begin(newRun("2"));
    await one!.log("1", [line("a"), { attempt: 1, at: 6, level: "warning", text: "b 'é 😀" }]);
    await one!.log("2", [line("of the other")]);
    await one!.log("1", []);
    await one!.log("1", [line("a", 2)]);
    await other!.log("1", [line("not its own")]);
    await one!.end("1", end());
    await one!.log("1", [line("behind its end")]);
    await one!.log("none", [line("of none")]);
    const { log } = await get(other!, "1");
    assert.deepEqual(log, [line("a"), { attempt: 1, at: 6, level: "warning", text: "b 'é 😀" }, line("a", 2)]);
  });

  test("text that a database has no place for is on record with a mark in its place", async (record) => {
    const [runs] = await open(record, 1);
    await runs!.begin(newRun("1"));
    await runs!.log("1", [line("a\0b \ud800 c")]);
    assert.equal(await runs!.end("1", end({ state: "failed", error: "\udfff\0" })), true);
    const { error, tries, log } = await get(runs!, "1");
    assert.deepEqual([error, tries[0]!.error, log[0]!.text], ["\ufffd\ufffd", "\ufffd\ufffd", "a\ufffdb \ufffd c"]);
  });

  test("of a log the last lines are kept, and the beginning of each", async (record) => {
    const [runs] = await open(record, 1);
    await runs!.begin(newRun("1"));
    const lines = (from: number, count: number) => Array.from({ length: count }, (_, n) => line(`line ${from + n}`));
    await runs!.log("1", lines(0, LOG_LINES - 1));
    await runs!.log("1", lines(LOG_LINES - 1, 3));
    const { log } = await get(runs!, "1");
    assert.deepEqual([log.length, log[0]!.text, log.at(-1)!.text], [LOG_LINES, "line 2", `line ${LOG_LINES + 1}`]);
    await runs!.log("1", [...lines(2_000, LOG_LINES), line("é".repeat(LOG_TEXT + 1))]);
    const { log: next } = await get(runs!, "1");
    assert.deepEqual([next.length, next[0]!.text], [LOG_LINES, "line 2001"]);
    assert.equal(next.at(-1)!.text, "é".repeat(LOG_TEXT));
  });
}

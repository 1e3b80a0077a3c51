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
    const under = { workedMs: 0, attemptSince: queuedAt, attempts: 1 };
    assert.deepEqual(rest, { ...run, ...NO_COUNTS, ...under, state: "running", endedAt: null, error: null });
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

  test("how long a run took is the sum of its attempts, without what went by between them", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.begin(newRun("1"));
    const first = (await get(other!, "1")).attemptSince!;
    await one!.end("1", end({ state: "running", error: "away", endedAt: first + 300, nextAt: first + 60_000 }));
    const { workedMs: before, attemptSince: none } = await get(other!, "1");
    assert.deepEqual([before, none], [300, null], "it waits for the next one");
    await one!.again("1");
    const { workedMs: during, attemptSince: second } = await get(other!, "1");
    assert.equal(during, 300);
    await one!.end("1", end({ endedAt: second! + 40 }));
    const { workedMs, attemptSince } = (await other!.list({}))[0]!;
    assert.deepEqual([workedMs, attemptSince], [340, null]);
  });

  test("what an attempt under way has done so far is seen by others, and the end has the last word", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.begin(newRun("1"));
    const so = { ...NO_COUNTS, fetched: 3, published: 2, bytes: 400 };
    const seen = async () => {
      const { fetched, published, outbox, refused, bytes } = (await other!.list({}))[0]!;
      return { fetched, published, outbox, refused, bytes };
    };
    await other!.progress("1", COUNTS);
    await one!.progress("none", COUNTS);
    assert.deepEqual(await seen(), NO_COUNTS, "it is not theirs to say");
    await one!.progress("1", so);
    assert.deepEqual(await seen(), so);
    await one!.end("1", end({ state: "running", error: "away", nextAt: Date.now() + 60_000 }));
    await one!.progress("1", so);
    assert.deepEqual(await seen(), COUNTS, "that attempt has ended");
    await one!.again("1");
    assert.deepEqual(await seen(), NO_COUNTS);
    await one!.end("1", end());
    await one!.progress("1", so);
    assert.deepEqual(await seen(), COUNTS);
  });

  test("a run whose records were forwarded from the outbox is delivered, and its log says so", async (record) => {
    const [one, other] = await open(record, 2);
    const waiting = { ...NO_COUNTS, fetched: 7, published: 2, outbox: 5 };
    for (const id of ["1", "2", "3"]) {
      await one!.begin(newRun(id));
      await one!.end(id, end({ state: id === "3" ? "failed" : "to outbox", ...waiting }));
    }
    const of = (id: string, also = {}) => ({ id, attempts: 1, refused: 0, ...also });
    assert.deepEqual(await other!.forwarded([], "forwarded"), []);
    const marked = await other!.forwarded(
      [of("1", { refused: 1 }), of("2", { attempts: 2 }), of("3"), of("4")],
      "forwarded",
    );
    assert.deepEqual(marked, ["1"], "another attempt has begun, it failed, and there is none");
    const { state, published, outbox, refused, endedAt, tries, log } = await get(one!, "1");
    assert.deepEqual({ state, published, outbox, refused }, {
      state: "delivered",
      published: 6,
      outbox: 0,
      refused: 1,
    });
    assert.deepEqual([typeof endedAt, tries.length], ["number", 1]);
    assert.deepEqual(log.map(({ attempt, level, text }) => [attempt, level, text]), [[1, "info", "forwarded"]]);
    assert.deepEqual((await other!.list({ states: ["to outbox", "failed"] })).map(({ outbox }) => outbox), [5, 5]);
    assert.equal(await other!.retry("1"), null, "it can be made again as any other");
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
    await other!.end("1", end(), [line("of who has it not")]);
    await one!.end("1", end(), [line("with its end", 2)]);
    await one!.log("1", [line("behind its end")]);
    await one!.log("none", [line("of none")]);
    const { log } = await get(other!, "1");
    const said = [line("a"), { attempt: 1, at: 6, level: "warning" as const, text: "b 'é 😀" }, line("a", 2)];
    assert.deepEqual(log, [...said, line("with its end", 2)]);
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

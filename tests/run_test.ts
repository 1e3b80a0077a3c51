/** A run on record: its attempts, its limits, its log, and the state that each outcome leaves it in. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { makeQueued } from "../src/ingest/queued.ts";
import { newRun, runOnce, type RunOptions } from "../src/ingest/run.ts";
import { configureLog, logger } from "../src/log.ts";
import type { RunDetails } from "../src/runs/runs.ts";
import { openHttpSource } from "../src/source/http.ts";
import { users } from "../src/users/pipeline.ts";
import { until } from "./support/cli.ts";
import { serveRandomUsers, silence, trouble } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { ask, hundred, type Rig, withRig } from "./support/schedule.ts";

const away = () => new UserpipeError("source-unreachable", "it is away", "wait");

/** Fails so many times behind half of the records, then gives all. */
function failing(rig: Rig, times: number, error: () => Error = away): void {
  rig.gives(async function* () {
    yield 50;
    if (rig.asked.length <= times) throw error();
    yield 50;
  });
}

async function detailsOf(rig: Rig): Promise<RunDetails> {
  const [run] = await rig.runs.list({});
  return (await rig.runs.get(run!.id))!;
}

Deno.test("a run is tried again with the same seed and page, and each attempt is on record", () =>
  withRig(async (rig) => {
    failing(rig, 2);
    const report = await runOnce(rig.options({ retries: 3 }), ask({ page: 7 }));
    assert.deepEqual([report.state, report.attempts, report.fetched, report.error], ["delivered", 3, 100, undefined]);
    assert.deepEqual(
      rig.asked.map(({ seed, page, count }) => [seed, page, count]),
      Array(3).fill([report.seed, 7, 100]),
    );
    const { state, attempts, tries, bytes } = await detailsOf(rig);
    assert.deepEqual({ state, attempts, bytes }, { state: "delivered", attempts: 3, bytes: 100_000 });
    assert.deepEqual(tries.map(({ number, error, fetched }) => [number, error, fetched]), [
      [1, "it is away", 50],
      [2, "it is away", 50],
      [3, null, 100],
    ]);
    const worked = tries.reduce((sum, { startedAt, endedAt }) => sum + endedAt! - startedAt, 0);
    assert.equal((await rig.runs.list({}))[0]!.workedMs, worked, "the waits between them are not counted");
    assert.ok(report.ms <= worked, `${report.ms} of ${worked}`);
    for (const [n, { startedAt, endedAt, nextAt }] of tries.entries()) {
      assert.ok(startedAt <= endedAt!);
      if (n < 2) assert.ok(endedAt! <= nextAt! && nextAt! <= tries[n + 1]!.startedAt + 1, "it comes when it was said");
    }
    assert.equal(tries[2]!.nextAt, null);
  }));

Deno.test("a run whose attempts all fail is failed, by its last error", () =>
  withRig(async (rig) => {
    failing(rig, 9);
    const report = await runOnce(rig.options({ retries: 2 }), ask());
    assert.deepEqual([report.state, report.attempts, report.error?.message, rig.asked.length], [
      "failed",
      3,
      "it is away",
      3,
    ]);
    const { state, error, tries } = await detailsOf(rig);
    assert.deepEqual([state, error, tries.at(-1)!.nextAt], ["failed", "it is away", null]);
  }));

Deno.test("without retries a run is tried once, and wrong settings are not tried again", () =>
  withRig(async (rig) => {
    failing(rig, 9);
    assert.equal((await runOnce(rig.options(), ask())).attempts, 1);
    failing(rig, 9, () => new UserpipeError("settings", "wrong", "right it"));
    assert.equal((await runOnce(rig.options({ retries: 5 }), ask())).attempts, 1);
  }));

Deno.test("a defect is on record, is thrown, and is not tried again", () =>
  withRig(async (rig) => {
    failing(rig, 9, () => new TypeError("not a function"));
    await assert.rejects(runOnce(rig.options({ retries: 5 }), ask()), /defect: not a function/);
    const { state, error, attempts, log } = await detailsOf(rig);
    assert.deepEqual([state, error, attempts], ["failed", "not a function", 1]);
    assert.ok(log.some(({ text }) => /run_test\.ts/.test(text)), "where it was thrown is in its log");
  }));

Deno.test("a run that delivered nothing is failed, and says why", () =>
  withRig(async (rig) => {
    rig.gives(async function* () {});
    const nothing = await runOnce(rig.options({ retries: 2 }), ask());
    assert.deepEqual([nothing.state, nothing.why, nothing.error], [
      "failed",
      '"http://here" gave no record',
      undefined,
    ]);
    rig.gives(hundred);
    const publisher: RunOptions["publisher"] = {
      publish: (topic, messages) => {
        if (topic === "t.dlq") return Promise.resolve("broker");
        const what = `${messages.length} are too large`;
        return Promise.reject(new UserpipeError("record-too-large", what, "make them smaller"));
      },
    };
    const refused = await runOnce(rig.options({ publisher }), ask());
    assert.deepEqual([refused.state, refused.refused], ["failed", 100]);
    assert.equal(refused.why, "All 100 records were refused and are dead letters");
  }));

Deno.test("what waits in the outbox is not delivered yet", () =>
  withRig(async (rig) => {
    const report = await runOnce(rig.options({ publisher: { publish: async () => "outbox" } }), ask());
    assert.deepEqual([report.state, report.outbox], ["to outbox", 100]);
  }));

Deno.test("an attempt that takes too long is ended and tried again", () =>
  withRig(async (rig) => {
    rig.gives(async function* (asked, signal) {
      yield 50;
      if (rig.asked.length === 1) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      else yield* hundred(asked, signal);
    });
    const report = await runOnce(rig.options({ retries: 1, timeoutMs: 100 }), ask());
    assert.deepEqual([report.state, report.attempts], ["delivered", 2]);
    const { tries } = await detailsOf(rig);
    assert.match(tries[0]!.error!, /not done within its limit of 0\.1 s: 50 records came$/);
    assert.equal(rig.published.length, 200);
  }));

Deno.test("an attempt that takes too long says what stood in the way, and what to do about that too", () =>
  withRig(async (rig) => {
    await using server = serveRandomUsers(records(10));
    server.next(trouble(500));
    const openSource: RunOptions["openSource"] = async ({ seed }) =>
      openHttpSource({ pipeline: users, url: server.url, seed: seed!, page: 1, count: 10, backoff: SLOW });
    const { error } = await runOnce(rig.options({ openSource, timeoutMs: 100 }), ask());
    assert.match(error!.message, /its limit of 0\.1 s: 0 records came, and then "http.*" is in trouble \(500: .*Uh oh/);
    assert.match(error!.hint, /^Its server is in trouble: try again later\. Give it longer with --run-timeout/);
    server.always(silence);
    const silent = await runOnce(rig.options({ openSource, timeoutMs: 100 }), ask());
    assert.match(silent.why!, /0 records came, and then http.* had not given page 1 yet$/);
  }));

const SLOW = { firstMs: 60_000, maxMs: 60_000 };

Deno.test("what a run under way has done is on record before its attempt ends", () =>
  withRig(async (rig) => {
    let go = () => {};
    const gone = new Promise<void>((resolve) => go = resolve);
    rig.gives(async function* () {
      yield 70;
      await gone;
      yield 30;
    });
    const made = runOnce(rig.options(), ask());
    const seen = async () => (await rig.open().list({}))[0];
    await until(async () => (await seen())?.published === 70, 30_000, () => "it shows nothing");
    const { state, fetched, attemptSince } = (await seen())!;
    assert.deepEqual([state, fetched, typeof attemptSince], ["running", 70, "number"]);
    go();
    assert.equal((await made).state, "delivered");
    assert.equal((await seen())!.published, 100);
  }));

Deno.test("a run that its person stops is left so; one of a schedule is fetched again, also where it waits for its next attempt", () =>
  withRig(async (rig) => {
    for (
      const [own, waits, state, again] of [
        [true, false, "interrupted", 0],
        [false, false, "interrupted", 1],
        [true, true, "failed", 0],
        [false, true, "interrupted", 1],
      ] as const
    ) {
      const stop = new AbortController();
      rig.gives(async function* (_, signal) {
        yield 50;
        if (waits) throw away();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      });
      const delay = { firstMs: 60_000, maxMs: 60_000 };
      const options = rig.options({ own, retries: 1, retryDelay: delay, signal: stop.signal });
      const asked = rig.asked.length;
      const made = runOnce(options, ask());
      await until(() => rig.asked.length > asked, 30_000, () => "it does not begin");
      await new Promise((resolve) => setTimeout(resolve, 50));
      stop.abort();
      const report = await made;
      assert.equal(report.state, state, `own ${own}, waits ${waits}`);
      const { id, endedAt, tries } = await detailsOf(rig);
      assert.deepEqual([id, tries.length], [report.id, 1]);
      assert.ok(endedAt !== null || again === 1);
      const left = await rig.open().interrupted(rig.options().target);
      assert.deepEqual(left.map(({ id }) => id), again === 1 ? [report.id] : []);
    }
  }));

Deno.test("the log of a run has what was logged while it was made, by its attempts, and nothing of others", () =>
  withRig(async (rig) => {
    await configureLog({ level: "warning", format: "json", colour: false, beforeWrite: () => {} });
    const log = logger("source");
    rig.gives(async function* (asked) {
      log.warning("The answer of {seed} is slow", { seed: asked.seed });
      yield 100;
      if (asked.seed === "fails" && rig.asked.length <= 2) throw away();
    });
    const options = rig.options({ retries: 1 });
    await Promise.all(["fails", "other"].map((seed) => runOnce(options, ask({ seed }))));
    log.warning("This is of no run");
    const runs = await rig.runs.list({});
    for (const { id, seed } of runs) {
      const lines = (await rig.runs.get(id))!.log;
      const slow = lines.filter(({ text }) => text.includes("is slow"));
      const attempts = seed === "fails" ? [1, 2] : [1];
      assert.deepEqual(
        slow.map(({ attempt, level, text }) => [attempt, level, text]),
        attempts.map((n) => [
          n,
          "warning",
          `The answer of ${seed} is slow`,
        ]),
      );
      assert.match(lines[0]!.text, /^Attempt 1: http:\/\/here, seed \w+, page 1, count 100$/);
      assert.equal(lines.at(-1)!.text, "Ended: delivered");
      assert.equal(lines.some(({ text }) => text.includes("Trying again at")), seed === "fails");
      assert.ok(!lines.some(({ text }) => text.includes("of no run")));
    }
  }));

Deno.test("a run that another process took while this one was frozen is reported so", () =>
  withRig(async (rig) => {
    const runs = new Proxy(rig.runs, {
      get: (of, name) => name === "end" ? async () => false : Reflect.get(of, name).bind?.(of) ?? Reflect.get(of, name),
    });
    const report = await runOnce(rig.options({ runs }), ask());
    assert.deepEqual([report.state, report.why], ["interrupted", "Another process has taken the run"]);
  }));

Deno.test("the end of a run is recorded although the record was held for a moment", () =>
  withRig(async (rig) => {
    let held = 2;
    const runs: RunOptions["runs"] = Object.create(rig.runs, {
      end: {
        value: (...args: Parameters<RunOptions["runs"]["end"]>) => {
          if (held-- > 0) return Promise.reject(new UserpipeError("data-folder-busy", "it is held", "wait"));
          return rig.runs.end(...args);
        },
      },
    });
    await runOnce(rig.options({ runs }), ask());
    assert.equal((await detailsOf(rig)).state, "delivered");
  }));

Deno.test("a queued run is made by whoever asks for one, and none where none is queued", () =>
  withRig(async (rig) => {
    const run = await newRun(rig.options(), "manual", ask());
    await rig.runs.queue([run]);
    assert.equal(await makeQueued(rig.options(), ["backfill"]), null);
    assert.equal((await makeQueued(rig.options(), ["manual"]))?.id, run.id);
    assert.equal(await makeQueued(rig.options(), ["manual"]), null);
  }));

/** `--max-refused`: a stream whose input is mostly bad ends with exit code 4, and what it carried stays carried. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Delivered } from "../src/broker/broker.ts";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { UserpipeError } from "../src/errors.ts";
import { countOrShare } from "../src/settings_types.ts";
import { type MaxRefused, refusedTooMany } from "../src/stream/limits.ts";
import { stream, type StreamOptions } from "../src/stream/stream.ts";
import { users } from "../src/users/pipeline.ts";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";
import { type Fate, memoryBroker, memoryStore } from "./support/memory.ts";
import { record } from "./support/records.ts";
import { reasonOf, valueOf } from "./support/results.ts";

const encoder = new TextEncoder();

function message(offset: number, good: boolean): Delivered {
  const value = good ? users.encode(users.normalise(valueOf(users.check(record(offset))))) : encoder.encode("bad");
  return { partition: 0, offset: BigInt(offset), key: null, value, headers: {}, timestamp: 1_000 };
}

Deno.test("a count, or a share in percent", () => {
  assert.deepEqual(valueOf(countOrShare("0")), { count: 0 });
  assert.deepEqual(valueOf(countOrShare("50")), { count: 50 });
  assert.deepEqual(valueOf(countOrShare("0.5%")), { percent: 0.5 });
  for (const wrong of ["", "-1", "1.5", "101%", "5 %", "%", "many"]) {
    assert.match(reasonOf(countOrShare(wrong)), /50, 5%/, wrong);
  }
});

const JUDGED: [name: string, max: MaxRefused, rows: number, refused: number, atEnd: boolean, ends: boolean][] = [
  ["as many as allowed", { count: 5 }, 0, 5, true, false],
  ["one more than allowed", { count: 5 }, 1_000_000, 6, false, true],
  ["none allowed", { count: 0 }, 0, 1, false, true],
  ["a share of few records says nothing yet", { percent: 5 }, 0, 999, false, false],
  ["a share of few records at the end", { percent: 5 }, 0, 999, true, true],
  ["a share of enough records", { percent: 5 }, 949, 51, false, true],
  ["a share that is allowed", { percent: 5 }, 950, 50, false, false],
  ["a share of nothing at the end", { percent: 0 }, 0, 0, true, false],
];

for (const [name, max, rows, refused, atEnd, ends] of JUDGED) {
  Deno.test(`judged: ${name}`, () => {
    assert.equal(refusedTooMany(max, { rows, refused }, atEnd), ends);
  });
}

function setUp(batches: Delivered[][], more: Partial<StreamOptions>) {
  const broker = memoryBroker(batches);
  const store = memoryStore(() => undefined);
  const run = stream({
    pipeline: users,
    broker,
    store,
    topic: "t",
    group: "g",
    deadLetterTopic: "t.dlq",
    from: "committed",
    untilCaughtUp: true,
    maxInFlightBytes: 1024,
    stop: new AbortController().signal,
    abort: new AbortController().signal,
    onStats: () => {},
    ...more,
  });
  return { broker, store, run };
}

const TWO_BAD = [[message(0, true), message(1, false)], [message(2, false), message(3, true)]];

Deno.test("past the count the stream ends, with every record of what it read stored or dead-lettered", async () => {
  const { broker, store, run } = setUp(TWO_BAD, { maxRefused: { count: 1 } });
  await assert.rejects(run, { code: "too-many-refused", message: /Refused 2 of 3 records/, exit: 4 });
  assert.deepEqual([store.rows.size, broker.published.get("t.dlq")!.length], [1, 2]);
  // Behind the record that was one too many.
  assert.deepEqual(broker.acknowledged, [2n, 3n]);
});

const manyBad = (batches: number) =>
  Array.from({ length: batches }, (_, b) => Array.from({ length: 100 }, (_, n) => message(b * 100 + n, false)));

Deno.test("no more is refused than one record past the count, however large the batches are", async () => {
  const { broker, run } = setUp([manyBad(60).flat()], { maxRefused: { count: 50 } });
  await assert.rejects(run, { message: /Refused 51 of 51 records/ });
  assert.equal(broker.published.get("t.dlq")!.length, 51);
  assert.deepEqual(broker.acknowledged, [51n]);
});

Deno.test("no more is refused than one record past the share, once it is judged", async () => {
  await assert.rejects(setUp(manyBad(60), { maxRefused: { percent: 5 } }).run, { message: /Refused 1000 of 1000/ });
});

Deno.test("past the count no batch is taken while the dead letters of those before wait", async () => {
  const { broker, run } = setUp(manyBad(60), { maxRefused: { count: 150 } });
  const publish = broker.publish;
  let tries = 0;
  broker.publish = async (...letters) => {
    if (++tries <= 2) throw new UserpipeError("broker-unreachable", "away", "start it");
    await publish(...letters);
  };
  await assert.rejects(run, { message: /Refused 151 of 151 records/ });
});

Deno.test("what the store refuses is counted before more is written", async () => {
  const batches = Array.from(
    { length: 20 },
    (_, b) => Array.from({ length: 100 }, (_, n) => message(b * 100 + n, true)),
  );
  const fate: Fate = (rows) => ({ refused: rows.map((_, index) => ({ index, reason: "too odd" })) });
  const { broker, run } = setUp(batches, { maxRefused: { count: 50 }, store: memoryStore(fate) });
  await assert.rejects(run, { message: /Refused 100 of 100 records/ });
  assert.deepEqual(broker.acknowledged, [100n]);
});

Deno.test("within the limit it goes on to its end", async () => {
  assert.equal((await setUp(TWO_BAD, { maxRefused: { count: 2 } }).run).rows, 2);
  assert.equal((await setUp(TWO_BAD, { maxRefused: { percent: 50 } }).run).refused, 2);
});

Deno.test("what a worker before this one carried counts", async () => {
  const maxRefused = { percent: 50 };
  await assert.rejects(setUp(TWO_BAD, { maxRefused, carried: { rows: 0, refused: 1 } }).run, { exit: 4 });
  await setUp(TWO_BAD, { maxRefused, carried: { rows: 1, refused: 1 } }).run;
});

Deno.test("stopped by a signal, a few records are not judged by their share", async () => {
  const stop = AbortSignal.abort();
  await setUp(TWO_BAD, { maxRefused: { percent: 0 }, stop, carried: { rows: 0, refused: 1 }, untilCaughtUp: false })
    .run;
});

async function publish(cwd: string, messages: Delivered[]): Promise<void> {
  await succeeds(["init"], { cwd });
  const broker = openSqliteBroker({ path: join(cwd, "userpipe-data", "topics.db") });
  const now = Date.now();
  await broker.publish("users_created", messages.map((message) => ({ ...message, timestamp: now })))
    .finally(() => broker.close());
}

Deno.test("stream ends with exit code 4; started again without it, it goes on, and nothing is missing or double", () =>
  withFolder(async (cwd) => {
    const messages = Array.from({ length: 6_000 }, (_, n) => message(n, n % 3 === 0));
    await publish(cwd, messages);
    // A small limit of what is in flight, so that there is something left to go on with.
    const small = ["--max-in-flight-bytes", "64KiB"];
    const ended = await userpipe(["stream", "--until-caught-up", "--max-refused", "50%", ...small], { cwd });
    assert.equal(ended.code, 4, ended.stderr);
    assert.match(ended.stderr, /error: Refused \d+ of \d+ records, and --max-refused allows 50%\n {2}See why with/);
    const before = Number(/Refused (\d+) of/.exec(ended.stderr)![1]);
    const after = await userpipe(["stream", "--until-caught-up"], { cwd });
    assert.equal(after.code, 1, after.stderr);
    assert.match(after.stderr, /What was refused, and why: userpipe dead-letters/);
    const refused = Number(/refused ([\d,]+)/.exec(after.stdout)![1]!.replaceAll(",", ""));
    assert.ok(refused > 0, "there was nothing left");
    // What was acknowledged is not read again.
    assert.equal(before + refused, 4_000);
    assert.equal(JSON.parse(await succeeds(["query", "count"], { cwd })).count, 2_000);
    const counted = (await succeeds(["dlq", "--max", "1"], { cwd })).split("\n")[0]!;
    assert.equal(JSON.parse(counted).count, 4_000);
  }));

for (const workers of ["1", "2"]) {
  Deno.test(`a topic that is bad throughout ends the stream of ${workers} workers close behind --max-refused`, () =>
    withFolder(async (cwd) => {
      await publish(cwd, manyBad(60).flat());
      const ended = await userpipe(["stream", "--max-refused", "50", "--workers", workers], { cwd });
      assert.equal(ended.code, 4, ended.stderr);
      const [, refused, of] = /Refused (\d+) of (\d+) records, and --max-refused allows 50/.exec(ended.stderr)!;
      assert.equal(refused, of);
      assert.ok(Number(refused) > 50 && Number(refused) <= 51 * Number(workers), ended.stderr);
      const counted = (await succeeds(["dlq", "--max", "1"], { cwd })).split("\n")[0]!;
      assert.equal(JSON.parse(counted).count, Number(refused));
    }));
}

Deno.test("up ends with exit code 4", () =>
  withFolder(async (cwd) => {
    await publish(cwd, [1, 2, 3].map((n) => message(n, false)));
    const { code, stderr } = await userpipe(["up", "--generate", "5", "--max-refused", "2"], { cwd });
    assert.equal(code, 4, stderr);
    assert.match(stderr, /Refused 3 of \d+ records/);
  }));

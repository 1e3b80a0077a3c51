/** `verify` against ends in memory: which record counts, what is missing, different, newer, and what it cannot know. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PartitionRange } from "../src/broker/broker.ts";
import { UserpipeError } from "../src/errors.ts";
import { Entries, printOfBytes, printOfValues } from "../src/query/verify_entries.ts";
import type { VerifyProgress } from "../src/query/verify.ts";
import { AT, compare, counts, message, row, storeOf, timeAt } from "./support/verify.ts";

Deno.test("where every record is a row, it is all there", async () => {
  const messages = [message(0, "a=red"), message(1, "b=blue"), message(2, "c=green=light")];
  const verdict = await compare({
    messages,
    rows: messages.map((_, n) => row(n, ["a=red", "b=blue", "c=green=light"][n]!)),
  });
  assert.equal(verdict.ok, true);
  assert.deepEqual(counts(verdict), { records: 3, rows: 3 });
  assert.deepEqual(verdict.unknown, []);
});

Deno.test("a record without a row is missing, by name", async () => {
  const verdict = await compare({ messages: [message(0, "a=red"), message(1, "b=blue")], rows: [row(0, "a=red")] });
  assert.equal(verdict.ok, false);
  assert.deepEqual(counts(verdict), { records: 2, rows: 1, missing: 1, ahead: 1 });
  assert.deepEqual(verdict.first.missing, [{ id: "b", partition: 0, offset: 1, what: "there is no row" }]);
});

Deno.test("a row of the same write time and another content is different, by its columns", async () => {
  const messages = [message(0, "a=red"), message(1, "b=blue=dark")];
  const rows = [row(0, "a=rot=neu"), row(1, "b=blue=dark")];
  const { ok, first, ...verdict } = await compare({ messages, rows });
  assert.equal(ok, false);
  assert.equal(verdict.different, 1);
  const what = "colour, note";
  assert.deepEqual(first.different, [{ id: "a", partition: 0, offset: 0, what, columns: ["colour", "note"] }]);
});

Deno.test("null is not the empty text, and no text runs over into the next cell", async () => {
  for (const [value, stored] of [["a=red", "a=red="], ["a=re=d", "a=red="], ["a=red=null", "a=red"]] as const) {
    const verdict = await compare({ messages: [message(0, value)], rows: [row(0, stored)] });
    assert.equal(verdict.different, 1, `${value} and ${stored}`);
  }
});

Deno.test("a row older than the record that counts is different, even with the same content", async () => {
  const messages = [message(0, "a=red"), message(1, "b=blue")];
  const { first, ...verdict } = await compare({ messages, rows: [row(0, "a=rot", AT - 1), row(1, "b=blue", AT - 1)] });
  assert.equal(verdict.different, 2);
  assert.match(first.different[0]!.what, /^an older row, of 2023-11-14T.*: colour$/);
  assert.match(first.different[1]!.what, /^an older row, of 2023-11-14T[^:]+:\d\d:[\d.]+Z$/);
});

Deno.test("a row written later than the record that counts is newer, whatever is in it", async () => {
  const verdict = await compare({ messages: [message(0, "a=red")], rows: [row(7, "a=green")] });
  assert.equal(verdict.ok, true);
  assert.deepEqual(counts(verdict), { records: 1, rows: 1, newer: 1 });
  assert.equal(verdict.first.newer[0]!.id, "a");
});

Deno.test("where the store cannot tell the write time, the content decides", async () => {
  const messages = [message(0, "a=red"), message(1, "b=red")];
  const rows = [{ ...row(0, "a=red"), writeTime: 0 }, { ...row(1, "b=blue"), writeTime: 0 }];
  assert.deepEqual(counts(await compare({ messages, rows, committed: 2 })), { records: 2, rows: 2, different: 1 });
});

Deno.test("of several records of an id the one of the latest write time counts, whatever their order and partition", async () => {
  const messages = [
    message(0, "a=old", { timestamp: AT - 5 }),
    message(1, "a=newest", { timestamp: AT + 5 }),
    message(2, "a=late to the topic"),
    message(0, "b=by offset", { partition: 1 }),
    message(1, "b=by offset mod 1000", { partition: 1 }),
    message(1000, "b=no more than the first", { partition: 1 }),
    message(7, "b=in another partition", { partition: 2 }),
  ];
  const rows = [row(1, "a=newest", AT + 5), row(7, "b=in another partition")];
  const verdict = await compare({ messages, rows });
  assert.deepEqual([verdict.ok, counts(verdict)], [true, { records: 7, rows: 2, superseded: 5 }]);

  const stale = await compare({ messages, rows: [rows[0]!, row(1, "b=by offset mod 1000")] });
  assert.deepEqual(stale.first.different.map(({ id, partition, offset }) => [id, partition, offset]), [["b", 2, 7]]);
});

Deno.test("of records of one write time any may be the row, and no mix of them", async () => {
  const messages = [message(3, "a=red=one"), message(3, "a=blue=two", { partition: 1 })];
  for (const [stored, different] of [["a=red=one", 0], ["a=blue=two", 0], ["a=blue=one", 1]] as const) {
    assert.equal((await compare({ messages, rows: [row(3, stored)] })).different, different, stored);
  }
});

Deno.test("only the first ten are named", async () => {
  const messages = Array.from({ length: 25 }, (_, n) => message(n, `word${n}=red`));
  const verdict = await compare({ messages });
  assert.equal(verdict.missing, 25);
  assert.deepEqual(verdict.first.missing.map(({ offset }) => offset), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("what is missing past the group's position is said to be ahead of it, and committed leaves it out", async () => {
  const given = { messages: [0, 1, 2].map((n) => message(n, `w${n}=red`)), rows: [row(0, "w0=red")], committed: 1 };
  assert.deepEqual(counts(await compare(given)), { records: 3, rows: 1, missing: 2, ahead: 2 });
  const carried = await compare({ ...given, options: { until: "committed" } });
  assert.deepEqual([carried.ok, counts(carried)], [true, { records: 1, rows: 1 }]);
  assert.deepEqual(carried.unknown, ["Not compared, past the group's position: 2 of partition 0."]);
  await assert.rejects(
    compare({ ...given, committed: undefined, options: { until: "committed" } }),
    (error) => error instanceof UserpipeError && error.code === "usage",
  );
});

Deno.test("from and until are times of records", async () => {
  const messages = [0, 1, 2, 3].map((n) => message(n, `w${n}=red`, { timestamp: AT + n }));
  const options = { from: { timestamp: AT + 1 }, until: { timestamp: AT + 3 } };
  const verdict = await compare({ messages, options });
  assert.deepEqual(verdict.first.missing.map(({ id }) => id), ["w1", "w2"]);
  const none = await compare({ messages, options: { from: { timestamp: AT + 9 } } });
  assert.deepEqual([none.ok, none.records], [true, 0]);
});

Deno.test("a record published while it looks is not compared", async () => {
  const messages = [message(0, "a=red")];
  const read = async () => {
    messages.push(message(messages.length, `b${messages.length}=red`));
    return { messages, next: BigInt(messages.length), end: 0n };
  };
  assert.deepEqual(counts(await compare({ messages, rows: [row(0, "a=red")], broker: { read } })), {
    records: 1,
    rows: 1,
  });
});

Deno.test("it says what retention removed, before and meanwhile, and takes a gap for no such thing", async () => {
  const messages = [5, 8, 9].map((offset) => message(offset, `w${offset}=red`));
  const rows = [5, 8, 9].map((offset) => row(offset, `w${offset}=red`));
  const before = await compare({ messages, rows });
  assert.equal(before.ok, true);
  assert.deepEqual(before.ranges.map(({ from, removed, gone }) => [from, removed, gone]), [[5n, 5n, 0n]]);
  assert.match(before.unknown.join(), /Retention has removed.*: 5 of partition 0\./);

  let asked = 0;
  const partitions = async (topic: string): Promise<PartitionRange[]> => {
    if (topic !== "words") return [];
    return [{ partition: 0, start: asked++ === 0 ? 0n : 4n, end: 10n }];
  };
  const meanwhile = await compare({ messages, rows, broker: { partitions } });
  assert.equal(meanwhile.ranges[0]!.gone, 4n);
  assert.match(meanwhile.unknown.join(), /before they were read: 4 of partition 0\./);
});

Deno.test("with a time to live, a row that may have expired is not missing", async () => {
  const messages = [message(0, "a=red"), message(1, "b=red", { timestamp: Date.now() - 1_000 })];
  const verdict = await compare({ messages, options: { ttlMs: 60_000 }, committed: 2 });
  assert.deepEqual(counts(verdict), { records: 2, missing: 1, expired: 1 });
  assert.match(verdict.unknown.join(), /1 ids have no row.*--ttl/);
});

Deno.test("more ids than are held at once are gone through in several readings, with the same outcome", async () => {
  const messages = Array.from({ length: 60 }, (_, n) => message(n, n === 7 ? "poison" : `w${n % 40}=c${n}`));
  const rows = messages.slice(22, 57).map((_, n) => row(n + 22, `w${(n + 22) % 40}=c${n + 22}`));
  const once = await compare({ messages, rows });
  const seen = new Set<string>();
  const onProgress = ({ doing, done, total }: VerifyProgress) => void seen.add(`${doing} ${done} of ${total}`);
  const often = await compare({ messages, rows, options: { mostIds: 30, onProgress } });
  assert.ok(["reading 2 of 60", "reading 60 of 60"].every((each) => seen.has(each)), [...seen].join());
  assert.deepEqual(counts(often), counts(once));
  assert.deepEqual([once.records, once.missing > 1, once.superseded], [60, true, 19]);
});

Deno.test("a broker that gives less than there is ends it, and so does a signal", async () => {
  const read = async () => ({ messages: [], next: 0n, end: 1n });
  await assert.rejects(
    compare({ messages: [message(0, "a=red")], broker: { read } }),
    (error) => error instanceof UserpipeError && /gives nothing.*offset 0/.test(error.message),
  );
  const stopped = AbortSignal.abort("stopped");
  await assert.rejects(compare({ messages: [message(0, "a=red")], options: { signal: stopped } }), /stopped/);
});

Deno.test("a store that is busy for a moment is asked again", async () => {
  const messages = [message(0, "a=red")];
  const store = storeOf([row(0, "a=red")]);
  const get = store.get;
  let asked = 0;
  store.get = (keys) => ++asked < 3 ? Promise.reject(new UserpipeError("store-busy", "busy", "wait")) : get(keys);
  assert.deepEqual(counts(await compare({ messages, options: { store } })), { records: 1, rows: 1 });
  store.get = () => Promise.reject(new UserpipeError("store-missing", "none", "init"));
  await assert.rejects(compare({ messages, options: { store } }), /none/);
});

Deno.test("entries are found by any key, as in a Map", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary", maxLength: 50 })), (given) => {
    const keys = given.map((key) => key.toWellFormed());
    const entries = new Entries(keys.length);
    const known = new Map<string, number>();
    for (const key of keys) {
      assert.equal(entries.find(key), known.get(key) ?? -1);
      if (!known.has(key)) known.set(key, known.size);
      assert.equal(entries.put(key), known.get(key));
    }
    assert.equal(entries.size, known.size);
    for (const [key, entry] of known) assert.equal(entries.key(entry), key);
  }));
});

Deno.test("keys fill several blocks, and one may be larger than a block", () => {
  const keys = Array.from({ length: 30 }, (_, n) => `${n}`.padEnd(n === 20 ? 2_000_000 : 100_000, "é"));
  const entries = new Entries(keys.length);
  keys.forEach((key, n) => assert.equal(entries.put(key), n));
  keys.forEach((key, n) => assert.ok(entries.find(key) === n && entries.key(n) === key));
});

Deno.test("a fingerprint is that of the content: 100,000 texts that differ in a digit have 100,000 of them", () => {
  const prints = new Set(
    Array.from({ length: 100_000 }, (_, n) => printOfValues(["id", `${n}`.padStart(12, "0"), null])),
  );
  assert.equal(prints.size, 100_000);
  const bytes = new Set(
    Array.from({ length: 100_000 }, (_, n) => printOfBytes(new TextEncoder().encode(`{"n":${n}}`))),
  );
  assert.equal(bytes.size, 100_000);
  assert.notEqual(printOfBytes(null), printOfBytes(new Uint8Array()));
  assert.equal(timeAt(1_234), AT * 1000 + 234);
});

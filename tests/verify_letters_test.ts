/** `verify` and the dead letters: which record is dead, which was replayed, and which letter is not its record's. */
import assert from "node:assert/strict";
import type { Delivered } from "../src/broker/broker.ts";
import { UserpipeError } from "../src/errors.ts";
import { compare, counts, DeadLetterTopic, message, row } from "./support/verify.ts";

const poison = message(0, "poison");
const good = message(1, "a=red");

Deno.test("a refused record is dead where its letter is, with the reason, and missing where it is not", async () => {
  const letters = new DeadLetterTopic();
  letters.add(poison);
  const dead = await compare({ messages: [poison, good], letters, rows: [row(1, "a=red")] });
  assert.deepEqual([dead.ok, counts(dead)], [true, { records: 2, rows: 1, dead: 1 }]);
  assert.deepEqual(dead.first.dead, [{ id: "poison", partition: 0, offset: 0, what: "no colour" }]);

  const gone = await compare({ messages: [poison, good], rows: [row(1, "a=red")], committed: 2 });
  assert.deepEqual([gone.ok, counts(gone)], [false, { records: 2, rows: 1, missing: 1 }]);
  assert.equal(gone.first.missing[0]!.what, "there is no dead letter: no colour");
});

Deno.test("a record that the check takes and the store refused is dead, and needs no row", async () => {
  const letters = new DeadLetterTopic();
  letters.add(good, "store", "too large");
  const verdict = await compare({ messages: [poison, good].slice(1), letters });
  assert.deepEqual([verdict.ok, counts(verdict)], [true, { records: 1, dead: 1 }]);
});

Deno.test("an older record of an id is expected where the newer one is dead", async () => {
  const letters = new DeadLetterTopic();
  const newer = message(2, "a=blue");
  letters.add(newer, "store", "too large");
  const verdict = await compare({ messages: [good, newer], letters, rows: [row(1, "a=red")] });
  assert.deepEqual([verdict.ok, counts(verdict)], [true, { records: 2, rows: 1, dead: 1 }]);
});

Deno.test("a replayed dead letter is expected as a row", async () => {
  const letters = new DeadLetterTopic();
  letters.add(good, "store", "too large");
  letters.mark(good);
  const there = await compare({ messages: [good], letters, rows: [row(1, "a=red")] });
  assert.deepEqual([there.ok, counts(there)], [true, { records: 1, rows: 1 }]);
  const missing = await compare({ messages: [good], letters, committed: 2 });
  assert.deepEqual([missing.ok, counts(missing)], [false, { records: 1, missing: 1 }]);
});

Deno.test("a replayed letter of a record that this check refuses is dead", async () => {
  const letters = new DeadLetterTopic();
  letters.add(poison);
  letters.mark(poison);
  assert.deepEqual(counts(await compare({ messages: [poison], letters })), { records: 1, dead: 1 });
});

Deno.test("copies of a letter are one, and one that comes behind the marker waits again", async () => {
  const letters = new DeadLetterTopic();
  letters.add(poison);
  letters.add(poison);
  assert.deepEqual(counts(await compare({ messages: [poison], letters })), { records: 1, dead: 1 });
  letters.mark(poison);
  letters.add(poison);
  assert.deepEqual(counts(await compare({ messages: [poison], letters })), { records: 1, dead: 1 });
});

Deno.test("a letter from before the topic was made again is not the record's of its place", async () => {
  const letters = new DeadLetterTopic();
  letters.add({ ...poison, timestamp: poison.timestamp - 1_000 });
  letters.add({ ...good, timestamp: good.timestamp - 1_000 });
  const verdict = await compare({ messages: [poison, good], letters, rows: [row(1, "a=red")], committed: 2 });
  assert.deepEqual(counts(verdict), { records: 2, rows: 1, missing: 1 });
});

Deno.test("a letter with another value than its record's is different", async () => {
  const letters = new DeadLetterTopic();
  letters.add({ ...poison, value: new TextEncoder().encode("another") });
  const { ok, first, ...verdict } = await compare({ messages: [poison], letters, committed: 1 });
  assert.deepEqual([ok, counts({ ok, first, ...verdict })], [false, { records: 1, different: 1 }]);
  assert.match(first.different[0]!.what, /its dead letter has another value/);
});

Deno.test("a letter whose value was cut is its record's by what was kept and the whole size", async () => {
  const large = message(0, "x".repeat(1_000));
  const kept = (value: string, whole: number) => {
    const letters = new DeadLetterTopic();
    letters.add({ ...large, value: new TextEncoder().encode(value) }, "stream", "no colour", {
      "userpipe-cut": `${whole}`,
    });
    return compare({ messages: [large], letters, committed: 1 });
  };
  assert.deepEqual(counts(await kept("x".repeat(100), 1_000)), { records: 1, dead: 1 });
  assert.deepEqual(counts(await kept("x".repeat(100), 999)), { records: 1, different: 1 });
  assert.deepEqual(counts(await kept("y".repeat(100), 1_000)), { records: 1, different: 1 });
});

Deno.test("records that cannot be read are one dead record, also where what is compared begins among them", async () => {
  const reason = "the record batch of the offsets 2 to 4 cannot be read";
  const stands = message(2, "raw", { key: null, unreadable: { last: 4n, reason } });
  const messages = [message(1, "a=red"), stands, message(5, "b=blue")];
  const rows = [row(1, "a=red"), row(5, "b=blue")];
  const letters = new DeadLetterTopic();
  letters.add(stands, "stream", reason, { "userpipe-last-offset": "4" });
  for (const [start, records] of [[1n, 3], [3n, 2]] as const) {
    const broker = {
      offsetsAt: async () => new Map([[0, start]]),
      read: async (topic: string, _partition: number, offset: bigint) => {
        const past = ({ unreadable, ...own }: Delivered) => (unreadable?.last ?? own.offset) + 1n;
        const found = (topic === "words" ? messages : letters.messages).find((each) => past(each) > offset)!;
        return { messages: [found], next: past(found), end: 0n };
      },
    };
    const given = { messages, rows, broker, options: { from: { timestamp: 1 } }, committed: 6 };
    const dead = await compare({ ...given, letters });
    assert.deepEqual([dead.ok, counts(dead)], [true, { records, rows: records - 1, dead: 1 }]);
    assert.deepEqual(dead.first.dead, [{ id: null, partition: 0, offset: 2, what: reason }]);
    const { first } = await compare(given);
    assert.deepEqual(first.missing.map(({ offset, what }) => [offset, what]), [[
      2,
      `there is no dead letter: ${reason}`,
    ]]);
  }
});

Deno.test("a null value has a letter of its own", async () => {
  const tombstone = message(0, null);
  const letters = new DeadLetterTopic();
  letters.add(tombstone, "stream", "the value is null");
  assert.deepEqual(counts(await compare({ messages: [tombstone], letters })), { records: 1, dead: 1 });
});

Deno.test("letters of the source, of another topic and of what is not compared are passed over", async () => {
  const letters = new DeadLetterTopic();
  for (const at of ["source/run/0", "others/0/0", "words/0/0/0", "words/0/x"]) {
    letters.add(poison);
    letters.messages.at(-1)!.key = new TextEncoder().encode(at);
  }
  letters.add({ ...poison, offset: 9n });
  letters.messages.push({ ...letters.messages[0]!, key: null, offset: BigInt(letters.messages.length) });
  const verdict = await compare({ messages: [poison], letters, committed: 1 });
  assert.deepEqual(counts(verdict), { records: 1, missing: 1 });
});

Deno.test("without a dead-letter topic there are no dead letters; one that lost some says so", async () => {
  const missing = new UserpipeError("topic-missing", "none", "init");
  const partitions = async (topic: string) => {
    if (topic !== "words") throw missing;
    return [{ partition: 0, start: 1n, end: 2n }];
  };
  assert.equal((await compare({ messages: [good], rows: [row(1, "a=red")], broker: { partitions } })).ok, true);

  const letters = new DeadLetterTopic();
  for (const place of [8, 9]) letters.add({ ...poison, offset: BigInt(place) });
  letters.messages.shift();
  const verdict = await compare({ messages: [good], rows: [row(1, "a=red")], letters });
  assert.match(verdict.unknown.join(), /removed 1 offsets from the dead-letter topic/);
});

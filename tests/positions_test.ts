/** The lowest contiguous acknowledged position, and the limit of bytes in flight. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { OwnedPartition } from "../src/broker/kafka_owned.ts";
import { InFlight, PartitionTracker } from "../src/broker/positions.ts";

Deno.test("a partition's position is the end of the longest acknowledged run, whatever the order of acknowledgements", () => {
  const batches = fc.array(fc.record({ length: fc.nat(5), order: fc.double({ noNaN: true }) }), { maxLength: 60 });
  fc.assert(fc.property(fc.bigInt(0n, 1n << 40n), batches, (start, plan) => {
    const tracker = new PartitionTracker(start);
    let end = start;
    const handed = plan.map(({ length, order }) => ({ next: end += BigInt(length), order, done: false }));
    const acknowledge = handed.map((batch) => tracker.begin(batch.next));
    assert.equal(tracker.next, end);
    const byOrder = handed.map((batch, index) => ({ batch, index })).sort((a, b) => a.batch.order - b.batch.order);
    for (const { batch, index } of byOrder) {
      assert.equal(acknowledge[index](), true);
      batch.done = true;
      const open = handed.findIndex((each) => !each.done);
      const expected = open === -1 ? end : open === 0 ? start : handed[open - 1].next;
      assert.equal(tracker.acknowledged, expected);
      assert.equal(tracker.pending, open !== -1);
    }
    for (const again of acknowledge) assert.equal(again(), false);
    assert.equal(tracker.acknowledged, end);
  }));
});

Deno.test("a position moves while later batches are still being handed out", () => {
  const tracker = new PartitionTracker(10n);
  const open: (() => boolean)[] = [];
  for (let next = 11n; next <= 2_010n; next++) {
    open.push(tracker.begin(next));
    if (open.length > 3) open.shift()!();
    assert.equal(tracker.acknowledged, next - BigInt(open.length));
  }
});

Deno.test("a batch that was carried in part moves the position to where that part ends, and no further", () => {
  const tracker = new PartitionTracker(10n);
  const [first, second, third] = [20n, 30n, 40n].map((next) => tracker.begin(next));
  third!();
  second!(25n);
  assert.equal(tracker.acknowledged, 10n);
  first!();
  assert.equal(tracker.acknowledged, 25n);
  assert.equal(second!(), false);
  assert.equal(tracker.acknowledged, 25n);
  assert.ok(tracker.pending);
});

Deno.test("a batch cannot end before the one in front of it", () => {
  const tracker = new PartitionTracker(5n);
  tracker.begin(8n);
  assert.throws(() => tracker.begin(7n), RangeError);
});

Deno.test("no more bytes than the limit are in flight, but for one batch alone, and nobody waits who could go", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(sizes, async (plan) => {
    const inFlight = new InFlight(100);
    const out: { bytes: number; index: number }[] = [];
    const all = plan.map((bytes, index) =>
      inFlight.take(bytes).then((taken) => {
        assert.equal(taken, true);
        out.push({ bytes, index });
      })
    );
    for (let given = 0; given < plan.length; given++) {
      await all[given];
      assert.equal(out[0].index, given);
      assert.ok(inFlight.bytes <= 100 || out.length === 1, `${inFlight.bytes} bytes in ${out.length} batches`);
      inFlight.give(out.shift()!.bytes);
    }
    await Promise.all(all);
    assert.equal(inFlight.bytes, 0);
  }));
});

Deno.test("who waits for room goes without it when it is called off, and those behind it go on", async () => {
  const inFlight = new InFlight(100);
  assert.equal(await inFlight.take(60), true);
  const controller = new AbortController();
  const large = inFlight.take(90, controller.signal);
  const small = inFlight.take(40);
  controller.abort();
  assert.equal(await large, false);
  assert.equal(await small, true);
  assert.equal(inFlight.bytes, 100);
  assert.equal(await inFlight.take(1, controller.signal), false);
});

Deno.test("messages count as not committed until a commit has passed them, but for those that no commit passes", () => {
  const owned = new OwnedPartition(0, 0n, 100n);
  const [first, second, third] = [owned.begin(2n, 2), owned.begin(5n, 3), owned.begin(9n, 4)];
  assert.ok(second());
  assert.equal(owned.toCommit(), undefined);
  assert.ok(first());
  assert.ok(!first());
  assert.equal(owned.uncommitted, 9);
  const commit = owned.toCommit()!;
  assert.equal(commit.position, 5n);
  commit.done();
  assert.equal(owned.uncommitted, 4);
  // Of what lies past the end of a stream only the beginning is carried.
  assert.ok(third(6n));
  assert.equal(owned.uncommitted, 0);
  const last = owned.toCommit()!;
  assert.equal(last.position, 6n);
  last.done();
  assert.deepEqual([owned.uncommitted, owned.toCommit()], [0, undefined]);
});

Deno.test("what was handed out of a topic before it was made again is not counted", () => {
  const owned = new OwnedPartition(0, 0n, 100n);
  owned.begin(3n, 3)();
  const commit = owned.toCommit()!;
  const before = owned.begin(5n, 2);
  owned.restart(0n);
  owned.begin(2n, 2);
  assert.ok(before());
  commit.done();
  assert.equal(owned.uncommitted, 2);
});

/** Record batches of Kafka that cannot be read: each one message alone, and nothing around it is lost. */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Compression, MAX_BATCH_BYTES } from "../src/broker/kafka_codecs.ts";
import { decodeFetchResponse } from "../src/broker/kafka_fetch_response.ts";
import { AT } from "../src/broker/kafka_frames.ts";
import { runs } from "../src/broker/kafka_slices.ts";
import { batchOf, changed, plain, readBack } from "./support/record_batches.ts";

/** Two messages, a batch, and two messages behind it, as they are read: offsets, what is unreadable, positions. */
function readBetween(batch: Uint8Array) {
  const bytes = Buffer.concat([
    batchOf([plain("a"), plain("b")]),
    batch,
    batchOf([plain("x"), plain("y")], "none", 5n),
  ]);
  return readBack(bytes).map(({ messages, next, doubtful }) => ({
    values: messages.map(({ value, unreadable }) => unreadable?.reason ?? new TextDecoder().decode(value!)),
    offsets: messages.map(({ offset }) => Number(offset)),
    last: messages.map(({ unreadable, offset }) => Number(unreadable?.last ?? offset)),
    next: Number(next),
    doubtful: doubtful ?? false,
  }));
}

const three = (compression: Compression = "none") => batchOf([plain("c"), plain("d"), plain("e")], compression, 2n);
const zeros = { key: null, value: new Uint8Array(MAX_BATCH_BYTES), headers: {}, timestamp: 5 };

/** Each way to be unreadable: the batch, the reason, and whether the way from the broker may be at fault. */
const UNREADABLE: Record<string, { batch: () => Uint8Array; reason: RegExp; doubtful: boolean }> = {
  "its checksum is wrong": {
    batch: () => three().map((byte, at) => at === AT.records + 4 ? byte ^ 1 : byte),
    reason: /\(not compressed\) cannot be read: its checksum does not fit$/,
    doubtful: true,
  },
  "it grows past the limit": {
    batch: () => batchOf([plain("c"), plain("d"), zeros], "gzip", 2n),
    reason: /\(gzip\) cannot be read: it grows to more than 67108864 bytes when decompressed$/,
    doubtful: false,
  },
  "its codec is not known": {
    batch: () => changed(three(), (view) => view.setInt16(AT.attributes, 5)),
    reason: /\(compression 5\) cannot be read: its compression \(number 5\) is not known$/,
    doubtful: false,
  },
  "its compressed data is damaged": {
    batch: () => changed(three("zstd"), (view) => view.setUint8(AT.records + 2, 0)),
    reason: /\(zstd\) cannot be read: its zstd data is /,
    doubtful: false,
  },
  "its records are damaged": {
    batch: () => changed(three(), (view) => view.setUint8(AT.records, 250)),
    reason: /\(not compressed\) cannot be read: its records are damaged$/,
    doubtful: false,
  },
  "it has more records than it says": {
    batch: () => changed(three(), (view) => view.setInt32(AT.count, 2)),
    reason: /\(not compressed\) cannot be read: its records are damaged$/,
    doubtful: false,
  },
  "it has fewer records than it says": {
    batch: () => changed(three(), (view) => view.setInt32(AT.count, 4)),
    reason: /\(not compressed\) cannot be read: its records are damaged$/,
    doubtful: false,
  },
};

for (const [way, { batch, reason, doubtful }] of Object.entries(UNREADABLE)) {
  Deno.test(`a batch that cannot be read is one message alone, and all around it is read: ${way}`, () => {
    const [before, alone, behind, ...more] = readBetween(batch());
    assert.deepEqual(before, { values: ["a", "b"], offsets: [0, 1], last: [0, 1], next: 2, doubtful: false });
    const { values: [said], ...rest } = alone;
    assert.match(said, /^the record batch of the offsets 2 to 4 /);
    assert.match(said, reason);
    assert.deepEqual(rest, { offsets: [2], last: [4], next: 5, doubtful });
    assert.deepEqual(behind, { values: ["x", "y"], offsets: [5, 6], last: [5, 6], next: 7, doubtful: false });
    assert.deepEqual(more, []);
  });
}

Deno.test("the value of an unreadable batch is its bytes as they came", () => {
  const batch = UNREADABLE["its codec is not known"].batch();
  const [{ messages: [message] }] = readBack(batch, 3n);
  assert.deepEqual([...message.value!], [...batch]);
  assert.deepEqual([message.offset, message.unreadable!.last, message.timestamp, message.key], [2n, 4n, 1, null]);
});

Deno.test("whatever in a batch is damaged behind its length, all around it is read and nothing else is passed over", () => {
  const batch = three("gzip");
  const places = fc.integer({ min: AT.crc, max: batch.length - 1 });
  fc.assert(fc.property(places, fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const [before, alone, behind] = readBetween(batch.map((byte, i) => i === at ? byte ^ flip : byte));
    assert.deepEqual([before.values, before.next], [["a", "b"], 2]);
    assert.deepEqual([alone.offsets, alone.last, alone.next, alone.doubtful], [[2], [4], 5, true]);
    assert.deepEqual([behind.values, behind.next], [["x", "y"], 7]);
  }));
});

Deno.test("a batch that damage makes end past the partition's end does not take the position there", () => {
  const batch = three();
  new DataView(batch.buffer, batch.byteOffset).setInt32(AT.lastOffsetDelta, 1_000_000);
  // A Fetch response of one partition of the topic "t", whose end is 5.
  const head = Buffer.alloc(10 + 4 + 3 + 4);
  head.writeInt32BE(1, 10);
  head.writeInt16BE(1, 14);
  head.write("t", 16);
  head.writeInt32BE(1, 17);
  const fields = Buffer.alloc(4 + 2 + 8 + 8 + 8 + 4 + 4 + 4);
  fields.writeBigInt64BE(5n, 6);
  fields.writeBigInt64BE(5n, 14);
  fields.writeInt32BE(batch.length, 38);
  const { responses: [{ partitions: [fetched] }] } = decodeFetchResponse(Buffer.concat([head, fields, batch]));
  assert.deepEqual([fetched.end, fetched.next], [5n, 5n]);
  const [{ next, messages: [{ unreadable }] }] = [...runs(fetched, 2n, { maxMessages: 9, maxBytes: 9 })];
  assert.deepEqual([next, unreadable!.last], [5n, 4n]);
});

Deno.test("messages in a format from before Kafka 0.11 are passed one at a time, each by its own offset", () => {
  const old = Buffer.alloc(30);
  old.writeBigInt64BE(3n, 0);
  old.writeInt32BE(old.length - 12, 8);
  old.writeInt8(1, 16);
  const newer = Buffer.from(old);
  newer.writeBigInt64BE(4n, 0);
  const [, second, behind] = readBetween(Buffer.concat([old, newer]));
  assert.deepEqual([second.offsets, second.next], [[3], 4]);
  assert.match(
    second.values[0],
    /offsets 3 to 3 \(an old format\) cannot be read: it is in a format from before Kafka 0.11$/,
  );
  assert.deepEqual([behind.offsets, behind.next], [[4], 5]);
});

/** Kafka's record format: what is written and read, without a Kafka. */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Partitioners } from "kafkajs";
import { CodecError, CODECS, type Compression, decompress, numberOf } from "../src/broker/kafka_codecs.ts";
import { murmur2, OutgoingMessage, stablePartitioner } from "../src/broker/kafka_produce_request.ts";
import { wholeBatches } from "../src/broker/kafka_frames.ts";
import { batchOf, plain, readBack, text } from "./support/record_batches.ts";

const COMPRESSIONS: Compression[] = ["none", "gzip", "snappy", "lz4", "zstd"];
const same = (a: Uint8Array | null, b: Uint8Array | null) => assert.deepEqual(a && [...a], b && [...b]);

Deno.test("every message is read as it was written, with every compression", () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  const message = fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.dictionary(fc.string({ unit: "grapheme", maxLength: 10 }), bytes, {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    timestamp: fc.integer({ min: -1, max: 4_102_444_800_000 }),
  });
  const messages = fc.array(message, { minLength: 1, maxLength: 30 });
  fc.assert(fc.property(messages, fc.constantFrom(...COMPRESSIONS), fc.bigInt(0n, 1n << 50n), (sent, codec, offset) => {
    const read = readBack(batchOf(sent, codec, offset)).flatMap((run) => run.messages);
    assert.equal(read.length, sent.length);
    for (const [i, each] of read.entries()) {
      same(each.key, sent[i].key);
      same(each.value, sent[i].value);
      assert.equal(each.timestamp, sent[i].timestamp);
      assert.equal(each.offset, offset + BigInt(i));
      assert.deepEqual(Object.keys(each.headers).sort(), Object.keys(sent[i].headers).sort());
      for (const name in sent[i].headers) same(each.headers[name], sent[i].headers[name]);
    }
  }));
});

Deno.test("a batch with any byte changed is refused or read as it was, never as something else", () => {
  const batch = batchOf(Array.from({ length: 20 }, (_, i) => plain(`value ${i}`)), "none");
  const before = readBack(batch).flatMap((run) => run.messages);
  fc.assert(
    fc.property(fc.integer({ min: 61, max: batch.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = batch.slice();
      damaged[at] ^= flip;
      const [run, ...more] = readBack(damaged);
      assert.deepEqual([run.doubtful, run.messages.length, run.next, more.length], [true, 1, 20n, 0]);
      assert.match(run.messages[0].unreadable!.reason, /its checksum does not fit$/);
    }),
  );
  assert.equal(before.length, 20);
});

Deno.test("runs are cut by messages and by bytes, and begin where they are asked to", () => {
  const batches = [0, 1, 2].map((i) =>
    batchOf([0, 1, 2, 3].map((n) => plain(`value ${i * 4 + n}`)), "gzip", BigInt(i * 4))
  );
  const bytes = Uint8Array.of(...batches.flatMap((batch) => [...batch]));
  const offsets = (cut: ReturnType<typeof readBack>) =>
    cut.map((run) => run.messages.map((each) => Number(each.offset)));
  assert.deepEqual(offsets(readBack(bytes, 2n, 5)), [[2, 3, 4, 5, 6], [7, 8, 9, 10, 11]]);
  assert.deepEqual(readBack(bytes, 2n, 5).map((run) => run.next), [7n, 12n]);
  assert.deepEqual(offsets(readBack(bytes, 10n, 5, 1)), [[10], [11]]);
  // A fetch may end in the middle of a batch: it comes whole with the next one.
  assert.deepEqual(wholeBatches(bytes.subarray(0, bytes.length - 1)).next, 8n);
});

Deno.test("what a batch grows to has a limit, with every compression", () => {
  const large = new Uint8Array(3_000_000);
  for (const compression of COMPRESSIONS.filter((each) => each !== "none")) {
    const type = numberOf(compression);
    const packed = CODECS[type]!.compress(large);
    assert.equal(decompress(type, packed, 5_000_000).length, large.length, compression);
    assert.throws(() => decompress(type, packed, 1_000_000), (error) => {
      assert.ok(error instanceof CodecError);
      assert.match(error.message, /grows to more than 1000000 bytes/);
      return true;
    });
  }
});

Deno.test("damaged compressed data is an error that names the compression, and the next data is read", () => {
  for (const compression of COMPRESSIONS.filter((each) => each !== "none")) {
    const type = numberOf(compression);
    const packed = CODECS[type]!.compress(text("something that is worth its compression ".repeat(50)));
    assert.throws(() => decompress(type, packed.subarray(0, packed.length >> 1)), new RegExp(compression));
    assert.equal(decompress(type, packed).length, 2_000);
  }
  assert.throws(() => decompress(5, new Uint8Array(10)), /number 5/);
});

Deno.test("snappy as Java frames it is read", () => {
  const [first, second] = ["the first block ".repeat(20), "the second block"].map((block) =>
    CODECS[2]!.compress(text(block))
  );
  const header = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1];
  const framed = Uint8Array.of(...header, 0, 0, 0, first.length, ...first, 0, 0, 0, second.length, ...second);
  const whole = new TextDecoder().decode(decompress(2, framed));
  assert.equal(whole, "the first block ".repeat(20) + "the second block");
  assert.throws(() => decompress(2, framed.subarray(0, framed.length - 1)), /middle of a block/);
});

Deno.test("a key has the partition that Java's and kafkajs's clients give it", () => {
  // From org.apache.kafka.common.utils.UtilsTest.
  const known: [key: string, hash: number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [key, hash] of known) assert.equal(murmur2(text(key)), hash, key);
  const theirs = Partitioners.DefaultPartitioner();
  const ours = stablePartitioner();
  const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({ partitionId, leader: 1 }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    const message = { key: Buffer.from(bytes), value: null };
    const expected = theirs({ topic: "t", message, partitionMetadata: partitionMetadata as never });
    const outgoing = new OutgoingMessage({ key: bytes, value: null, headers: {}, timestamp: 0 });
    assert.equal(ours({ partitionMetadata, message: outgoing }), expected);
  }));
});

Deno.test("a message without a key stays in the partition that it was given, whatever is tried again", () => {
  const partition = stablePartitioner();
  const message = new OutgoingMessage(plain("x"));
  const first = partition({ partitionMetadata: [{}, {}, {}], message });
  for (let i = 0; i < 5; i++) assert.equal(partition({ partitionMetadata: [{}, {}, {}, {}], message }), first);
  const turns = Array.from(
    { length: 30 },
    () => partition({ partitionMetadata: [{}, {}, {}], message: new OutgoingMessage(plain("x")) }),
  );
  assert.deepEqual([0, 1, 2].map((each) => turns.filter((turn) => turn === each).length), [10, 10, 10]);
});

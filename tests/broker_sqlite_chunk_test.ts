/** The embedded broker's chunk: bytes in, the same bytes out. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Message } from "../src/broker/broker.ts";
import { decodeChunk, encodeChunks, type Reading, sizeOf } from "../src/broker/sqlite_chunk.ts";

const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array()));
const messages = fc.array(
  fc.record<Message>({
    key: fc.option(bytes),
    value: fc.option(fc.oneof(bytes, fc.uint8Array({ minLength: 30_000, maxLength: 40_000, size: "max" }))),
    headers: fc.dictionary(fc.oneof(fc.constantFrom("a", "__proto__", "ü"), fc.string({ unit: "grapheme" })), bytes, {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    timestamp: fc.integer({ min: -1, max: 2_000_000_000_000 }),
  }),
  { minLength: 1, maxLength: 12 },
);

Deno.test("chunks give back what was put into them, from any offset on", () => {
  fc.assert(
    fc.property(messages, fc.nat(11), (plan, skip) => {
      const chunks = encodeChunks(plan, plan.map(sizeOf));
      const reading: Reading = {
        partition: 3,
        from: 100 + skip,
        messages: [],
        bytes: 0,
        maxMessages: Infinity,
        maxBytes: Infinity,
      };
      let base = 100;
      for (const { data, count } of chunks) {
        assert.ok(decodeChunk(data, base, count, reading));
        base += count;
      }
      const expected = plan.map((each, i) => ({ ...each, partition: 3, offset: BigInt(100 + i) })).slice(skip);
      const given = reading.messages.map(({ key, value, headers, timestamp, partition, offset }) => {
        return { key, value, headers, timestamp, partition, offset };
      });
      assert.deepEqual(given, expected);
      assert.equal(reading.bytes, plan.slice(skip).reduce((sum, each) => sum + sizeOf(each), 0));
    }),
    { numRuns: 60 },
  );
});

const message = (value: Uint8Array, headers: Message["headers"] = {}): Message => {
  return { key: null, value, headers, timestamp: 1 };
};

Deno.test("a chunk ends before it grows past its limit, and a larger message is one alone", () => {
  const plan = [40_000, 20_000, 10_000, 200_000, 1].map((size) => message(new Uint8Array(size)));
  const chunks = encodeChunks(plan, plan.map(sizeOf));
  assert.deepEqual(chunks.map(({ count, bytes }) => [count, bytes]), [[2, 60_000], [1, 10_000], [1, 200_000], [1, 1]]);
});

Deno.test("headers that neighbours share are kept once", () => {
  const shared = () => ({ run: new Uint8Array(1_000).fill(7) });
  const plan = Array.from({ length: 20 }, () => message(new Uint8Array(10), shared()));
  const [{ data, bytes }] = encodeChunks(plan, plan.map(sizeOf));
  assert.ok(data.length < 3_000, `${data.length} bytes`);
  assert.equal(bytes, 20 * (10 + 3 + 1_000));
});

/** Kafka's record batches as they go over the wire, made and read back without a Kafka. */
import type { Buffer } from "node:buffer";
import { crc32c } from "@platformatic/wasm-utils/bundled";
import type { Message } from "../../src/broker/broker.ts";
import { type Compression, numberOf } from "../../src/broker/kafka_codecs.ts";
import { AT, wholeBatches } from "../../src/broker/kafka_frames.ts";
import { encodeProduceRequest, OutgoingMessage } from "../../src/broker/kafka_produce_request.ts";
import { type Run, runs } from "../../src/broker/kafka_slices.ts";

export const text = (value: string) => new TextEncoder().encode(value);
export const plain = (value: string): Message => ({ key: null, value: text(value), headers: {}, timestamp: 1 });
/** Of a produce request of one topic "t" and one partition, up to the batch. */
const REQUEST_HEAD_BYTES = 2 + 2 + 4 + 4 + 2 + 1 + 4 + 4 + 4;

/** One batch as it goes over the wire, at an offset as the broker would give it. */
export function batchOf(messages: readonly Message[], compression: Compression = "none", offset = 0n): Buffer {
  const request = encodeProduceRequest({
    acks: -1,
    timeout: 1,
    compression: numberOf(compression),
    producerId: 7n,
    producerEpoch: 0,
    topicData: [{
      topic: "t",
      partitions: [{ partition: 0, firstSequence: 0, messages: messages.map((each) => new OutgoingMessage(each)) }],
    }],
  });
  const batch = request.subarray(REQUEST_HEAD_BYTES);
  batch.writeBigInt64BE(offset, 0);
  return batch;
}

export function readBack(bytes: Uint8Array, from = 0n, maxMessages = 1_000_000, maxBytes = Infinity): Run[] {
  const { length, next } = wholeBatches(bytes);
  const set = { partition: 0, bytes: bytes.subarray(0, length), aborted: [], next };
  return [...runs(set, from, { maxMessages, maxBytes })];
}

/** The batch after a change of its fields, with the checksum that fits. */
export function changed(batch: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(batch);
  const view = new DataView(copy.buffer);
  change(view);
  view.setUint32(AT.crc, crc32c(copy.subarray(AT.attributes)));
  return copy;
}

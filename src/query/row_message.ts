/** The message that a row came by: its write time says when it was published and the last digits of its offset (I4). */
import type { Broker, Delivered, PartitionRange } from "../broker/broker.ts";
import type { Pipeline } from "../pipeline.ts";
import { writeTimeOf } from "../stream/rows.ts";
import { payloadOf } from "../wire_format.ts";

export interface RowMessageOptions {
  broker: Broker;
  topic: string;
  pipeline: Pipeline;
  /** The row's primary key. */
  key: string;
  /** In µs. */
  writeTime: number;
}

/** Offsets that end in the same digits are so far apart. */
const STEP = 1_000n;
/** Offsets of a partition that are looked at: those of as many thousand messages of the same ms, or out of order. */
const MOST_STEPS = 10;
/** And over all partitions. */
const MOST_READS = 400;
const READ = { maxBytes: 1, maxWaitMs: 250 };

/**
 * null where it is no longer on the topic, and where another program wrote the row.
 * @throws {UserpipeError} as the broker's `offsetsAt`, `partitions` and `read`
 */
export async function messageOfRow(
  { broker, topic, pipeline, key, writeTime }: RowMessageOptions,
): Promise<Delivered | null> {
  if (writeTime <= 0) return null;
  const digits = BigInt(writeTime % 1_000);
  const starts = await broker.offsetsAt(topic, Math.floor(writeTime / 1_000));
  const ranges = (await broker.partitions(topic)).slice(0, MOST_READS);
  const steps = Math.max(1, Math.min(MOST_STEPS, Math.floor(MOST_READS / Math.max(1, ranges.length))));
  const isOf = (message: Delivered) => {
    if (message.value === null || writeTimeOf(message) !== writeTime) return false;
    const event = pipeline.decode(payloadOf(message.value));
    return event.ok && pipeline.toValues(event.value)[0] === key;
  };
  // One offset of each partition, then the next of each: most rows are at the first.
  for (let step = 0n; step < steps; step++) {
    for (const { partition, end } of ranges) {
      const at = firstWith(digits, starts.get(partition) ?? end) + step * STEP;
      const found = await readAt(broker, topic, { partition, start: at, end });
      if (found !== undefined && isOf(found)) return found;
    }
  }
  return null;
}

/** The first offset from `from` on that has these last three digits. */
function firstWith(digits: bigint, from: bigint): bigint {
  return from + (digits - from % STEP + STEP) % STEP;
}

async function readAt(broker: Broker, topic: string, { partition, start, end }: PartitionRange) {
  if (start >= end) return undefined;
  const { messages } = await broker.read(topic, partition, start, READ);
  return messages.find(({ offset }) => offset === start);
}

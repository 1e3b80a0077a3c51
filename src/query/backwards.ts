/** Messages of the topic from its end back, newest first over all partitions: for what looks at many of them and holds few. */
import type { Broker, Delivered, PartitionRange } from "../broker/broker.ts";
import { readBlock } from "./peek.ts";

export interface BackwardsOptions {
  broker: Broker;
  topic: string;
  /** Of these partitions, up to the ends that they have. */
  ranges: readonly PartitionRange[];
  /** Ends behind so many messages. */
  most: number;
}

/** What is read ahead over all partitions, in bytes of values: a share of it for each. */
const AHEAD_BYTES = 8 * 1024 * 1024;
const LEAST_BYTES = 64 * 1024;
/** Offsets of a partition that are read at a time: at first, and at the most. */
const FIRST_STEP = 50;
const MOST_STEP = 1_000;

/** Newest first by timestamp; of a partition in the order of its offsets. @throws {UserpipeError} as the broker's `read` */
export async function* backwards({ broker, topic, ranges, most }: BackwardsOptions): AsyncIterable<Delivered> {
  const bytes = Math.max(LEAST_BYTES, AHEAD_BYTES / Math.max(1, ranges.length));
  const cursors = ranges.map((range) => new Cursor(broker, topic, range, bytes));
  for (let left = most; left > 0; left--) {
    let newest: Cursor | undefined;
    for (const cursor of cursors) {
      if (cursor.last === undefined && !cursor.read) await cursor.fill();
      const { last } = cursor;
      if (last === undefined) continue;
      if (newest === undefined || last.timestamp > newest.last!.timestamp) newest = cursor;
    }
    if (newest === undefined) return;
    yield newest.take();
  }
}

/** A partition, read from its end in blocks. */
class Cursor {
  readonly #broker: Broker;
  readonly #topic: string;
  readonly #range: PartitionRange;
  readonly #bytes: number;
  /** Oldest first. */
  #block: Delivered[] = [];
  #upTo: bigint;
  #step = FIRST_STEP;

  /** @param bytes what a block is to have */
  constructor(broker: Broker, topic: string, range: PartitionRange, bytes: number) {
    this.#broker = broker;
    this.#topic = topic;
    this.#range = range;
    this.#bytes = bytes;
    this.#upTo = range.end;
  }

  /** The next one that is taken; undefined before `fill`, and where nothing is left. */
  get last(): Delivered | undefined {
    return this.#block.at(-1);
  }

  /** Whether all of the partition is read. */
  get read(): boolean {
    return this.#upTo <= this.#range.start;
  }

  take(): Delivered {
    return this.#block.pop()!;
  }

  async fill(): Promise<void> {
    const { partition, start } = this.#range;
    while (this.#block.length === 0 && !this.read) {
      const back = this.#upTo - BigInt(this.#step);
      const from = back < start ? start : back;
      this.#block = await readBlock(this.#broker, this.#topic, partition, from, this.#upTo, () => true);
      this.#upTo = from;
      const bytes = this.#block.reduce((sum, { value }) => sum + (value?.length ?? 0), 1);
      const fits = Math.floor(this.#bytes * this.#step / bytes);
      this.#step = Math.max(1, Math.min(fits, 4 * this.#step, MOST_STEP));
    }
  }
}

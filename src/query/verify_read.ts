/** What `verify` reads of the topic: the range of each partition, its messages in slices, and single ones again. */
import { sleep } from "../backoff.ts";
import type { Broker, Delivered, PartitionRange } from "../broker/broker.ts";
import { UserpipeError } from "../errors.ts";

/** What of one partition is compared, and what of it cannot be. */
export interface Range {
  partition: number;
  from: bigint;
  /** The first offset that is not compared. */
  until: bigint;
  /** Where the group stood; everything below is stored or dead-lettered (I1). Undefined where it has no position. */
  carried: bigint | undefined;
  /** Offsets below `from` that retention removed, where the partition begins there. */
  removed: bigint;
  /** Offsets of the range that retention removed before they were read. */
  gone: bigint;
  /** Offsets past the group's position, where that is the range's end. */
  left: bigint;
}

export interface RangeOptions {
  broker: Broker;
  topic: string;
  /** Whose position `committed` is. */
  group: string;
  from: "earliest" | { timestamp: number };
  /** `end` is what the topic's end is now; a time is that of the first record left out. */
  until: "end" | "committed" | { timestamp: number };
}

const READ = { maxBytes: 1024 * 1024, maxWaitMs: 1_000 };
/** Reads in a row that may give nothing although the partition goes on, with a wait between. */
const MOST_EMPTY = 20;
const EMPTY_MS = 50;

/** @throws {UserpipeError} `topic-missing`; `usage` where `committed` is asked for and the group has no position */
export async function rangesOf({ broker, topic, group, from, until }: RangeOptions): Promise<Range[]> {
  // In this order: a position is never past an end that was asked for later.
  const carried = await broker.committed(topic, group);
  const partitions = await broker.partitions(topic);
  if (until === "committed" && carried.size === 0) {
    throw new UserpipeError(
      "usage",
      `The group "${group}" has no position on the topic "${topic}"`,
      "Name the stream's group with --group, or leave --until out",
    );
  }
  const starts = typeof from === "object" ? await broker.offsetsAt(topic, from.timestamp) : undefined;
  const ends = typeof until === "object" ? await broker.offsetsAt(topic, until.timestamp) : undefined;
  return partitions.map(({ partition, start, end }) => {
    const first = larger(start, smaller(end, starts?.get(partition) ?? start));
    const asked = until === "committed" ? carried.get(partition) ?? first : ends?.get(partition) ?? end;
    const last = larger(first, smaller(end, asked));
    return {
      partition,
      from: first,
      until: last,
      carried: carried.get(partition),
      removed: first === start ? start : 0n,
      gone: 0n,
      left: until === "committed" ? end - last : 0n,
    };
  });
}

/** The messages of a range in order; notes in it what was gone. @throws {UserpipeError} `broker-unreachable` for less than all */
export async function* readRange(broker: Broker, topic: string, range: Range): AsyncIterable<Delivered[]> {
  const { partition, until } = range;
  let empty = 0;
  let gone = 0n;
  for (let at = range.from; at < until;) {
    const { messages, next } = await broker.read(topic, partition, at, READ);
    const first = messages[0]?.offset ?? next;
    if (first > at) gone += await goneFrom(broker, topic, partition, at, smaller(first, until));
    range.gone = larger(range.gone, gone);
    if (next > at) {
      empty = 0;
      at = next;
      yield next <= until ? messages : messages.filter(({ offset }) => offset < until);
    } else if (++empty > MOST_EMPTY) {
      throw new UserpipeError(
        "broker-unreachable",
        `${broker.name} gives nothing of "${topic}" partition ${partition} from offset ${at} on, though it went to ${until}`,
        "Run it again: the topic may have been made anew meanwhile; if it stays so, look at the broker's log",
      );
    } else {
      await sleep(EMPTY_MS);
    }
  }
}

/** How many of the offsets from `at` to `before` lie below the partition's start: others are gaps that brokers leave. */
async function goneFrom(broker: Broker, topic: string, partition: number, at: bigint, before: bigint): Promise<bigint> {
  const range = (await broker.partitions(topic)).find((each) => each.partition === partition);
  const start = smaller(range?.start ?? at, before);
  return start > at ? start - at : 0n;
}

/** One message again; undefined where it is gone. */
export async function readOne(
  broker: Broker,
  topic: string,
  partition: number,
  offset: bigint,
): Promise<Delivered | undefined> {
  const { messages } = await broker.read(topic, partition, offset, { maxBytes: 1, maxWaitMs: READ.maxWaitMs });
  return messages.find((message) => message.offset === offset);
}

/** How many offsets lie in the ranges. */
export function offsetsIn(ranges: readonly Pick<Range, "from" | "until">[]): number {
  return ranges.reduce((sum, { from, until }) => sum + Number(until - from), 0);
}

/** All that a topic holds now. */
export function wholeOf({ partition, start, end }: PartitionRange): Range {
  return { partition, from: start, until: end, carried: undefined, removed: start, gone: 0n, left: 0n };
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

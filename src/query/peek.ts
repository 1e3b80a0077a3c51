/** Messages of the topic for people to see, read without a consumer group: no position moves. */
import { sleep } from "../backoff.ts";
import type { Broker, Delivered, PartitionRange } from "../broker/broker.ts";
import { UserpipeError } from "../errors.ts";

export interface PeekOptions {
  broker: Broker;
  topic: string;
  /** Messages at the most, over all partitions. */
  max: number;
  /** Where to begin; `newest` is so that `max` messages are left before the end. */
  start: "newest" | "earliest" | { timestamp: number } | { offset: bigint };
  /** One partition only. */
  partition?: number;
  /** Only messages of this key. */
  key?: string;
  /** Go on with what arrives, until `signal` is aborted. */
  follow: boolean;
  signal: AbortSignal;
}

const READ = { maxBytes: 1024 * 1024, maxWaitMs: 250 };
/** Followed partitions are asked again this long after all of them had nothing, in ms. */
const FOLLOW_MS = 100;

/** Yields pages of messages: those of a page are in order of time. @throws {UserpipeError} `usage` for a partition that is not there */
export async function* peek(options: PeekOptions): AsyncIterable<Delivered[]> {
  const { broker, topic, max, start, follow, signal } = options;
  const ranges = chosenPartitions(await broker.partitions(topic), options);
  const keeps = keyFilter(options.key);
  if (start === "newest" && !follow) {
    yield await newest(options, ranges, keeps);
    return;
  }
  const next = await starts(options, ranges);
  let left = max;
  while (left > 0 && !signal.aborted) {
    let moved = false;
    for (const { partition, end } of ranges) {
      const at = next.get(partition)!;
      if (!follow && at >= end) continue;
      const slice = await broker.read(topic, partition, at, { ...READ, maxWaitMs: follow ? 0 : READ.maxWaitMs });
      moved ||= slice.next > at;
      next.set(partition, slice.next);
      const found = slice.messages.filter((message) => (follow || message.offset < end) && keeps(message)).slice(
        0,
        left,
      );
      left -= found.length;
      if (found.length > 0) yield found;
      if (left === 0) return;
    }
    if (!follow && !moved) return;
    if (!moved) await sleep(FOLLOW_MS, signal);
  }
}

/** All of them, or the one that is named. @throws {UserpipeError} `usage` where it is not there */
export function chosenPartitions(
  ranges: PartitionRange[],
  { topic, partition }: Pick<PeekOptions, "topic" | "partition">,
): PartitionRange[] {
  if (partition === undefined) return ranges;
  const found = ranges.filter((range) => range.partition === partition);
  if (found.length > 0) return found;
  throw new UserpipeError(
    "usage",
    `The topic "${topic}" has no partition ${partition}`,
    `Its partitions are 0 to ${ranges.length - 1}`,
  );
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a message is of the key; all are where it is left out. One in capitals that is a UUID is also its small form. */
export function keyFilter(key: string | undefined): (message: Delivered) => boolean {
  if (key === undefined) return () => true;
  const forms = new Set([key, UUID.test(key) ? key.toLowerCase() : key]);
  const wanted = [...forms].map((form) => new TextEncoder().encode(form));
  const isKey = (key: Uint8Array) =>
    wanted.some((bytes) => bytes.length === key.length && bytes.every((byte, i) => byte === key[i]));
  return ({ key }) => key !== null && isKey(key);
}

async function starts({ broker, topic, start }: PeekOptions, ranges: PartitionRange[]): Promise<Map<number, bigint>> {
  if (typeof start === "object" && "timestamp" in start) return await broker.offsetsAt(topic, start.timestamp);
  return new Map(ranges.map(({ partition, start: earliest, end }) => {
    if (start === "newest") return [partition, end];
    return [partition, start === "earliest" ? earliest : (start as { offset: bigint }).offset];
  }));
}

/** The newest messages over all partitions: from the end of each, further back until there are enough. */
async function newest(
  { broker, topic, max }: PeekOptions,
  ranges: PartitionRange[],
  keeps: (message: Delivered) => boolean,
): Promise<Delivered[]> {
  const found: Delivered[] = [];
  for (const { partition, start, end } of ranges) {
    let mine: Delivered[] = [];
    let upTo = end;
    for (let back = BigInt(max); upTo > start && mine.length < max; back *= 2n) {
      const from = upTo - back < start ? start : upTo - back;
      const block = await readBlock(broker, topic, partition, from, upTo, keeps);
      mine = [...block, ...mine].slice(-max);
      upTo = from;
    }
    found.push(...mine);
  }
  return found.sort((a, b) => a.timestamp - b.timestamp || Number(a.offset - b.offset)).slice(-max);
}

/** What is there from `from` up to `end` and is kept, oldest first. */
export async function readBlock(
  broker: Broker,
  topic: string,
  partition: number,
  from: bigint,
  end: bigint,
  keeps: (message: Delivered) => boolean,
): Promise<Delivered[]> {
  const messages: Delivered[] = [];
  for (let at = from; at < end;) {
    const slice = await broker.read(topic, partition, at, READ);
    // One that stands for several that cannot be read may begin before what was asked for, and comes with that.
    messages.push(...slice.messages.filter((each) => each.offset >= from && each.offset < end && keeps(each)));
    if (slice.next <= at) break;
    at = slice.next;
  }
  return messages;
}

/**
 * The broker port: a log of messages in topics and partitions, between ingest and stream.
 * It is read in two ways: as a member of a consumer group (`subscribe`), and without one (`read`).
 */
import type { Change, Check, Finding } from "../errors.ts";

/** A message as it is published. `timestamp` is in ms since the epoch. */
export interface Message {
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: Record<string, Uint8Array>;
  timestamp: number;
}

/** A message as it is read, with its place. */
export interface Delivered extends Message {
  partition: number;
  offset: bigint;
  /**
   * I3: set where it is no record. It stands for records that cannot be read, so that they can be refused and what is
   * behind them goes on: `value` is their bytes as the broker keeps them, `offset` the first of theirs, also where
   * that lies before what was asked for. It is alone in its batch or slice, whose `next` lies behind all of them.
   */
  unreadable?: Unreadable;
}

/** Records that cannot be read. */
export interface Unreadable {
  /** The last of their offsets. */
  last: bigint;
  /** Which they are and what is wrong, in one line. */
  reason: string;
}

/** A run of messages of one partition; the acknowledgement travels with it. */
export interface Batch {
  partition: number;
  /** In offset order. May be empty where only control records or compacted ones were passed over. */
  messages: readonly Delivered[];
  /** The position after the batch: past its last message and whatever the reader skips behind it. */
  next: bigint;
  /** Bytes of keys, values and headers, decompressed: what the batch counts against `maxInFlightBytes`. */
  bytes: number;
  /**
   * I1: says that every record of the batch is stored or dead-lettered. The group's position moves to the
   * lowest offset below which everything is acknowledged, in whatever order that happens. Does not throw
   * and does not wait: the commit follows within the subscription's commit interval, on `commit()` and on
   * `close()`. Without effect once the partition belongs to another member.
   * @param next for a batch of which only the beginning was carried: the position after that part. The rest
   * stays unacknowledged and is delivered to whoever reads next.
   */
  acknowledge(next?: bigint): void;
}

/** Where a group begins. `committed` is `earliest` where nothing was committed. */
export type From = "committed" | "earliest" | "latest" | { timestamp: number };

export interface SubscribeOptions {
  topic: string;
  group: string;
  /** Other than `committed`, it is a seek of the partitions of the first assignment. */
  from: From;
  /** Upper limit of bytes handed out and not acknowledged, over all partitions; one batch may exceed it alone. */
  maxInFlightBytes: number;
  /** Upper limit of messages in one batch. */
  maxBatchMessages: number;
}

/** Where a subscription stands in one partition that it owns. */
export interface Position {
  partition: number;
  /** Everything below is acknowledged. */
  acknowledged: bigint;
  /** The partition's end as last seen. */
  end: bigint;
}

/** Membership in a consumer group. One caller at a time. */
export interface Subscription {
  /**
   * The next batch, waiting for one, and a little while for the commit of what came before; `null` once `close` or `stop` was called.
   * @throws {UserpipeError} what waiting cannot cure (`topic-missing`, `not-authorised`); what it can is
   * waited out inside, said once in the log when it begins and once when it is over.
   */
  next(): Promise<Batch | null>;
  /** The partitions owned now. */
  positions(): Position[];
  /** No further batch is handed out: a waiting `next` answers `null`. Acknowledgements still count. */
  stop(): void;
  /** Commits what is acknowledged. Resolves once the broker has it. */
  commit(): Promise<void>;
  /** Stops, commits what is acknowledged and leaves the group. */
  close(): Promise<void>;
}

/** What a partition holds: `start` is its first offset, `end` the next to be written. */
export interface PartitionRange {
  partition: number;
  start: bigint;
  end: bigint;
}

export interface TopicSpec {
  name: string;
  partitions: number;
  /** Copies of each partition. The embedded broker has one and ignores it. */
  replication: number;
  /** Milliseconds a message is kept; −1 for ever. */
  retentionMs: number;
  /** Bytes a partition keeps; −1 without limit. */
  retentionBytes: number;
  /** Largest message in bytes; the broker's own where it is left out. */
  maxMessageBytes?: number;
}

/** What every broker takes as a topic's name: what Kafka does. */
export function isTopicName(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== "." && name !== "..";
}

/** For messages: what {@linkcode isTopicName} takes. */
export const TOPIC_NAMES = "1 to 249 letters, digits, . _ and -";

const SPANS = [[86_400_000, "day"], [3_600_000, "hour"], [60_000, "minute"], [1_000, "second"], [1, "ms"]] as const;

/** A time in ms for people, in the largest unit that it is whole in: `7 days`, `90 minutes`. */
export function durationText(ms: number): string {
  const [span, unit] = SPANS.find(([span]) => ms % span === 0)!;
  const n = ms / span;
  return `${n} ${unit}${n === 1 || unit === "ms" ? "" : "s"}`;
}

/** What the dead-letter topic takes more than the topic: the headers that say why and where, in bytes. */
export const DEAD_LETTER_ROOM = 65_536;

export interface ReadLimits {
  /** Bytes of messages at the most; one message may exceed it alone. */
  maxBytes: number;
  /** How long to wait where the partition ends at `offset`. */
  maxWaitMs: number;
}

/** What a read without a group gives. */
export interface Slice {
  messages: Delivered[];
  /** Where the next read goes on. Larger than `offset` unless nothing was there. */
  next: bigint;
  /** The partition's end as seen by this read. */
  end: bigint;
}

/** What `diagnose` looks for. */
export interface Wanted {
  topic: string;
  deadLetterTopic: string;
  group: string;
  /** Copies of each partition that `init` asks for, where a topic is missing. */
  replication: number;
}

export interface Broker {
  /** For messages: `Kafka at 127.0.0.1:9092`, `the embedded broker in ./userpipe-data`. */
  readonly name: string;
  check(): Promise<Check>;
  /**
   * What works and what does not, in the order of the way to it, as it is found; changes nothing. Ends behind what
   * makes the rest pointless. Throws nothing for a broker that is away.
   */
  diagnose(wanted: Wanted): AsyncIterable<Finding>;
  /**
   * Makes the topics that are not there. Changes nothing that is, and says what it found and where that differs.
   * @throws {UserpipeError} `settings` for what no topic may be called
   */
  init(topics: readonly TopicSpec[], options: { dryRun: boolean }): Promise<Change[]>;
  /**
   * I2: resolves only once the broker has made every message durable. Messages of one key keep their order.
   * @throws {UserpipeError} `broker-unreachable`, `topic-missing`, `record-too-large`, `not-authorised`
   */
  publish(topic: string, messages: readonly Message[]): Promise<void>;
  /** Every partition of the topic, by number. @throws {UserpipeError} `topic-missing`, `broker-unreachable` */
  partitions(topic: string): Promise<PartitionRange[]>;
  /** For each partition the first offset whose timestamp (ms) is at or after `timestamp`; its end where none is. */
  offsetsAt(topic: string, timestamp: number): Promise<Map<number, bigint>>;
  /** The group's committed positions; a partition without one is left out. */
  committed(topic: string, group: string): Promise<Map<number, bigint>>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /**
   * Reads without a group and moves no position. An `offset` below the start reads from the start.
   * @throws {UserpipeError} `topic-missing`, `broker-unreachable`
   */
  read(topic: string, partition: number, offset: bigint, limits: ReadLimits): Promise<Slice>;
  close(): Promise<void>;
}

/** A broker that is also emptied from its front: what the outbox is kept in. */
export interface Spool extends Broker {
  /** Removes everything below `before`; durable when it resolves. */
  trim(topic: string, partition: number, before: bigint): Promise<void>;
  /** Every topic, with how many messages it has and the bytes that they take. None where there is no file: looking makes none. */
  topics(): Promise<{ name: string; messages: number; bytes: number }[]>;
  /** A lock over all processes, which the kernel frees with its holder; null where another has it. */
  tryLock(): Disposable | null;
}

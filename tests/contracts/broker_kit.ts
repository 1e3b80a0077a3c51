/** What the broker contract's tests are written with: a topic of their own, messages, and reading until a condition. */
import assert from "node:assert/strict";
import type { Batch, Broker, Delivered, Message, Subscription, TopicSpec } from "../../src/broker/broker.ts";

/** A broker as the contract suite is given it. */
export interface Opened {
  broker: Broker;
  /** A second, independent client of the same broker. `close` closes it too. */
  reopen(): Promise<Broker>;
  /** Removes what is below `before` as retention would. Left out where it cannot be done. */
  trim?(topic: string, partition: number, before: bigint): Promise<void>;
  /** Closes every client, and ends what it started. */
  close(): Promise<void>;
}

/** Nothing in the suite may take longer than this. */
const LIMIT_MS = 30_000;
/** How long nothing has to happen before it counts as waiting. */
const QUIET_MS = 250;

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? undefined);

/** A message; the time is fixed, so that nothing depends on when the test runs. */
export function message(value: string | Uint8Array | null, rest: Partial<Message> = {}): Message {
  return {
    key: null,
    value: typeof value === "string" ? encode(value) : value,
    headers: {},
    timestamp: 1_700_000_000_000,
    ...rest,
  };
}

/** `count` messages, numbered by value, each with a key of its own. */
export function numbered(count: number, from = 0): Message[] {
  return Array.from({ length: count }, (_, i) => message(String(from + i), { key: encode(`k${from + i}`) }));
}

/** A name that no other run uses, so that the suite can run against a broker that lives on. */
export function unique(what: string): string {
  return `contract-${what}-${crypto.randomUUID()}`;
}

export function spec(name: string, partitions = 1): TopicSpec {
  return { name, partitions, replication: 1, retentionMs: -1, retentionBytes: -1 };
}

/** Makes a topic of its own. */
export async function newTopic(broker: Broker, partitions = 1): Promise<string> {
  const name = unique("topic");
  await broker.init([spec(name, partitions)], { dryRun: false });
  return name;
}

/** Subscribes with limits that do not get in the way, unless `rest` names others. */
export function join(
  broker: Broker,
  topic: string,
  group: string,
  rest: Partial<Parameters<Broker["subscribe"]>[0]> = {},
): Promise<Subscription> {
  return broker.subscribe({
    topic,
    group,
    from: "committed",
    maxInFlightBytes: 16 * 1024 * 1024,
    maxBatchMessages: 1_000,
    ...rest,
  });
}

/** What `promise` gives, or a failure that names what was waited for. */
export async function within<T>(promise: Promise<T>, what: string, ms = LIMIT_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what} did not come in ${ms} ms` })), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether `promise` is still open after a while. */
export async function stillWaits(promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const quiet = new Promise<true>((resolve) => timer = setTimeout(() => resolve(true), QUIET_MS));
  try {
    return await Promise.race([promise.then(() => false), quiet]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `holds`, asking again and again. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!await holds()) {
    assert.ok(Date.now() < end, `${what} did not come about in ${LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The next batch that has messages; those without are acknowledged. */
export async function nextBatch(subscription: Subscription): Promise<Batch> {
  while (true) {
    const batch = await within(subscription.next(), "a batch");
    assert.ok(batch, "the subscription ended");
    if (batch.messages.length > 0) return batch;
    batch.acknowledge();
  }
}

/** Batches until they hold at least `count` messages; not acknowledged. */
export async function take(subscription: Subscription, count: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (let seen = 0; seen < count; seen += batches.at(-1)!.messages.length) batches.push(await nextBatch(subscription));
  return batches;
}

/** At least `count` messages, each batch acknowledged as it comes. */
export async function drain(subscription: Subscription, count: number): Promise<Delivered[]> {
  const messages: Delivered[] = [];
  while (messages.length < count) {
    const batch = await nextBatch(subscription);
    messages.push(...batch.messages);
    batch.acknowledge();
  }
  return messages;
}

/** Reads and acknowledges until the subscription is stopped; `messages` grows meanwhile. */
export function pump(subscription: Subscription): { messages: Delivered[]; ended: Promise<void> } {
  const messages: Delivered[] = [];
  const read = async () => {
    for (let batch = await subscription.next(); batch !== null; batch = await subscription.next()) {
      messages.push(...batch.messages);
      batch.acknowledge();
    }
  };
  return { messages, ended: read() };
}

/** Everything in a partition from `offset` to its end, by reads without a group. */
export async function readAll(broker: Broker, topic: string, partition = 0, offset = 0n): Promise<Delivered[]> {
  const messages: Delivered[] = [];
  while (true) {
    const slice = await broker.read(topic, partition, offset, { maxBytes: 4 * 1024 * 1024, maxWaitMs: 0 });
    messages.push(...slice.messages);
    if (slice.next >= slice.end) return messages;
    offset = slice.next;
  }
}

/** The values as texts, in the order given. */
export const values = (messages: readonly Delivered[]): string[] => messages.map((each) => decode(each.value));

/** The values as numbers, sorted: every number once where each was seen once. */
export const numbers = (messages: readonly Delivered[]): number[] => values(messages).map(Number).sort((a, b) => a - b);

/** 0 … count − 1, as {@linkcode numbered} made them. */
export const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

/** Bytes are the same; null is not empty. */
export function sameBytes(actual: Uint8Array | null, expected: Uint8Array | null, what: string): void {
  assert.equal(actual === null, expected === null, `${what}: null or not`);
  if (actual === null || expected === null) return;
  assert.equal(actual.length, expected.length, `${what}: length`);
  assert.ok(actual.every((byte, i) => byte === expected[i]), `${what}: content`);
}

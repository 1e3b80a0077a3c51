/**
 * What the outbox is kept in: a log for each topic, all in one file, so that entries of a topic that takes none hold up
 * no others.
 */
import type { Delivered, Message, Slice, Spool } from "../broker/broker.ts";
import { UserpipeError } from "../errors.ts";
import { deadLetterOfSource, publishDeadLetters } from "../stream/dead_letters.ts";
import { Outage } from "../stream/outage.ts";

/** Of earlier versions: entries of all topics in one order. What it has is moved to the logs of its topics. */
const OLD = "outbox";
/** Where an entry of the old log goes; taken off again before it does. */
const TO = "userpipe-to";
/** What is read, published and deleted at a time, in bytes. */
const STEP = { maxBytes: 1024 * 1024, maxWaitMs: 0 };
/** An entry may be as large as what any topic takes. */
const MAX_ENTRY_BYTES = 256 * 1024 * 1024;

/** What waits. */
export interface Waiting {
  messages: number;
  /** As the limit counts them: what the entries take in the file. */
  bytes: number;
  /** When the oldest entry was made, in ms since the epoch; null where nothing waits. */
  oldest: number | null;
  /** By topic. */
  topics: WaitingTopic[];
}

export interface WaitingTopic {
  topic: string;
  messages: number;
  /** Set where the broker was asked and has no such topic. */
  missing?: true;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class OutboxLogs {
  readonly #spool: Spool;

  /** @param spool the embedded broker on a file of its own */
  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Topics that entries wait for. What is still in the old log is left out. */
  async topics(): Promise<string[]> {
    return (await this.#filled()).filter(({ name }) => name !== OLD).map(({ name }) => topicOf(name));
  }

  /** All that waits, by number. */
  async count(): Promise<number> {
    return (await this.#filled()).reduce((sum, { messages }) => sum + messages, 0);
  }

  /** Whether a publish to the topic has to go behind something. What is in the old log may be of any topic. */
  async waits(topic: string): Promise<boolean> {
    return (await this.#filled()).some(({ name }) => name === OLD || name === logOf(topic));
  }

  /** Looking makes no file. */
  async waiting(): Promise<Waiting> {
    const logs = await this.#filled();
    const counts = new Map<string, number>();
    const add = (topic: string, messages: number) => counts.set(topic, (counts.get(topic) ?? 0) + messages);
    for (const { name, messages } of logs) {
      if (name === OLD) await this.#countOld(add);
      else add(topicOf(name), messages);
    }
    const firsts = await Promise.all(logs.map(({ name }) => this.#oldest(name)));
    const times = firsts.filter((time) => time !== undefined);
    return {
      messages: logs.reduce((sum, { messages }) => sum + messages, 0),
      bytes: bytesOf(await this.#spool.topics()),
      oldest: times.length === 0 ? null : Math.min(...times),
      topics: [...counts].map(([topic, messages]) => ({ topic, messages })),
    };
  }

  /**
   * Appends to the log of the topic, durable when it resolves.
   * @throws {UserpipeError} `outbox-full` at `maxBytes`; `data-folder`
   */
  async keep(topic: string, messages: readonly Message[], maxBytes: number): Promise<void> {
    const held = bytesOf(await this.#spool.topics());
    if (held >= maxBytes) {
      throw new UserpipeError(
        "outbox-full",
        `The outbox holds ${held} bytes, its limit is ${maxBytes}, and it takes no more`,
        "Bring the broker back, or allow more with --outbox-max-bytes; userpipe outbox says what waits for which topic",
      );
    }
    const old = (await this.#filled()).some(({ name }) => name === OLD);
    if (!old) return await this.#append(topic, messages);
    const to = encoder.encode(topic);
    await this.#spool.publish(OLD, messages.map((each) => ({ ...each, headers: { ...each.headers, [TO]: to } })));
  }

  /** The oldest entries of the topic; none where none are left. */
  async oldest(topic: string): Promise<Delivered[]> {
    return (await this.#read(logOf(topic))).messages;
  }

  /** Deletes the topic's entries below `before`; durable when it resolves. */
  async trim(topic: string, before: bigint): Promise<void> {
    await this.#spool.trim(logOf(topic), 0, before);
  }

  /**
   * Moves what is in the old log behind what waits of its topics; call it under the lock.
   * @param deadLetterTopic where entries that cannot be read go
   */
  async spread(deadLetterTopic: string): Promise<void> {
    while ((await this.#filled()).some(({ name }) => name === OLD)) {
      const { messages, next } = await this.#read(OLD);
      const [{ unreadable, value, offset }] = messages as [Delivered];
      if (unreadable === undefined) {
        for (const [topic, entries] of byTopic(messages)) await this.#append(topic, entries);
      } else {
        // I3: it is alone, and no entry but the bytes of several.
        const letter = deadLetterOfSource("outbox", Number(offset), value!, Date.now(), unreadable.reason);
        const log = { publish: (topic: string, letters: readonly Message[]) => this.#append(topic, letters) };
        await publishDeadLetters(log, deadLetterTopic, [letter], new Outage("the outbox"), AbortSignal.abort());
      }
      // I2: only here. A crash before it keeps a second copy.
      await this.#spool.trim(OLD, 0, next);
    }
  }

  async #append(topic: string, messages: readonly Message[]): Promise<void> {
    const name = logOf(topic);
    if (!(await this.#spool.topics()).some((log) => log.name === name)) {
      const spec = { name, partitions: 1, replication: 1, retentionMs: -1, retentionBytes: -1 };
      await this.#spool.init([{ ...spec, maxMessageBytes: MAX_ENTRY_BYTES }], { dryRun: false });
    }
    await this.#spool.publish(name, messages);
  }

  async #filled() {
    return (await this.#spool.topics()).filter(({ messages }) => messages > 0);
  }

  /** From the front, which is where deleting has come to. */
  async #read(name: string, offset = 0n, limits = STEP): Promise<Slice> {
    return await this.#spool.read(name, 0, offset, limits);
  }

  async #oldest(name: string): Promise<number | undefined> {
    const { messages: [first] } = await this.#read(name, 0n, { ...STEP, maxBytes: 1 });
    return first?.unreadable === undefined ? first?.timestamp : undefined;
  }

  async #countOld(add: (topic: string, messages: number) => void): Promise<void> {
    for (let offset = 0n;;) {
      const { messages, next } = await this.#read(OLD, offset);
      if (messages.length === 0) return;
      if (messages[0]!.unreadable === undefined) {
        byTopic(messages).forEach((entries, topic) => add(topic, entries.length));
      }
      offset = next;
    }
  }
}

/** A topic's log has the topic's name, but where that ends in the old log's behind nothing or dashes: one dash more. */
function logOf(topic: string): string {
  return /^-*outbox$/.test(topic) ? `-${topic}` : topic;
}

function bytesOf(logs: readonly { bytes: number }[]): number {
  return logs.reduce((sum, { bytes }) => sum + bytes, 0);
}

function topicOf(log: string): string {
  return /^-+outbox$/.test(log) ? log.slice(1) : log;
}

/** Entries of the old log by their topic, as they were before they were kept. */
function byTopic(entries: readonly Delivered[]): Map<string, Message[]> {
  const topics = new Map<string, Message[]>();
  for (const { key, value, timestamp, headers: { [TO]: to, ...headers } } of entries) {
    const topic = decoder.decode(to);
    if (!topics.has(topic)) topics.set(topic, []);
    topics.get(topic)!.push({ key, value, timestamp, headers });
  }
  return topics;
}

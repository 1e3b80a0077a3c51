/**
 * The outbox: what could not be published because the broker was out of reach, kept in order in the data folder and
 * forwarded when the broker is back. While it holds anything, every publish goes behind it.
 */
import { sleep, waitMs } from "../backoff.ts";
import type { Broker, Delivered, Message, Spool } from "../broker/broker.ts";
import { isTransient, UserpipeError } from "../errors.ts";
import { fault } from "../fault.ts";
import { logger } from "../log.ts";
import { type DeadLetter, deadLetterOfOutbox, deadLetterOfSource, publishDeadLetters } from "../stream/dead_letters.ts";
import { Outage } from "../stream/outage.ts";
import { type Delivery, directly, publishAll, type Publisher } from "./publish.ts";

const log = logger("outbox");

/** The outbox's own topic, of one partition: the order of entries is that of the publishes. */
const TOPIC = "outbox";
/** Where an entry goes; taken off again before it does. */
const TO = "userpipe-to";
/** What is read, published and deleted at a time, in bytes. */
const STEP = { maxBytes: 1024 * 1024, maxWaitMs: 0 };
/** An entry may be as large as what any topic takes. */
const MAX_ENTRY_BYTES = 256 * 1024 * 1024;
const BACKOFF = { firstMs: 500, maxMs: 30_000 };
/** How often a schedule looks whether there is anything to forward, in ms. */
const LOOK_MS = 2_000;

export interface OutboxOptions {
  /** The embedded broker on a file of its own. */
  spool: Spool;
  /** Where entries go when it can be reached. */
  broker: Broker;
  deadLetterTopic: string;
  /** Bytes that it keeps at the most. */
  maxBytes: number;
}

/** What waits. */
export interface Waiting {
  messages: number;
  bytes: number;
  /** When the oldest entry was made, in ms since the epoch; null where nothing waits. */
  oldest: number | null;
}

/** What forwarding came to. */
export interface Forwarded {
  forwarded: number;
  /** Entries that the topic does not take: dead letters now. */
  refused: number;
  /** Entries that still wait. */
  left: number;
  /** Why some are left: the broker is away, or (undefined) another process is forwarding. */
  error?: UserpipeError;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Outbox implements Publisher {
  readonly #options: OutboxOptions;
  #made = false;
  #failures = 0;
  /** Before this time (ms) the broker is not tried again. */
  #tryAt = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /**
   * To the broker, or where that is out of reach or entries wait, behind them.
   * @throws {UserpipeError} `outbox-full`; `data-folder`; all that waiting for the broker cannot cure
   */
  async publish(topic: string, messages: readonly Message[]): Promise<Delivery> {
    const { left } = await this.forward();
    if (left === 0) {
      try {
        await this.#options.broker.publish(topic, messages);
        return "broker";
      } catch (error) {
        if (!isTransient(error)) throw error;
        this.#failed(error);
      }
    }
    await this.#keep(topic, messages);
    fault("after-outbox-write");
    return "outbox";
  }

  async waiting(): Promise<Waiting> {
    const { spool } = this.#options;
    const { start, end } = await this.#range();
    const [first] = end > start ? (await spool.read(TOPIC, 0, start, { maxBytes: 1, maxWaitMs: 0 })).messages : [];
    return { messages: Number(end - start), bytes: await spool.bytes(TOPIC), oldest: first?.timestamp ?? null };
  }

  /** Forwards what waits, in order. `now` tries the broker also where it failed a moment ago. */
  async forward({ now = false, signal }: { now?: boolean; signal?: AbortSignal } = {}): Promise<Forwarded> {
    const result: Forwarded = { forwarded: 0, refused: 0, left: await this.#left() };
    if (result.left === 0 || (!now && Date.now() < this.#tryAt)) return result;
    // One forwarder at a time, over processes: the order is kept, and nothing is published twice for nothing.
    using lock = this.#options.spool.tryLock();
    if (lock === null) return result;
    try {
      while (!signal?.aborted && await this.#step(result));
      if (result.forwarded > 0) log.info("Forwarded {count} records from the outbox", { count: result.forwarded });
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#failed(error);
      result.error = error;
    }
    result.left = await this.#left();
    return result;
  }

  /** Forwards whenever there is something to, until `signal` is aborted. */
  async keepForwarding(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.forward({ signal });
      } catch (error) {
        if (!(error instanceof UserpipeError)) throw error;
        log.error("Cannot forward the outbox: {message}. {hint}", { message: error.message, hint: error.hint });
        this.#tryAt = Date.now() + BACKOFF.maxMs;
      }
      await sleep(LOOK_MS, signal);
    }
  }

  /** Publishes and deletes the oldest entries. @returns false where there are none */
  async #step(result: Forwarded): Promise<boolean> {
    const { spool } = this.#options;
    const { start } = await this.#range();
    const { messages, next } = await spool.read(TOPIC, 0, start, STEP);
    if (messages.length === 0) return false;
    const [{ unreadable, value, offset }] = messages as [Delivered];
    if (unreadable === undefined) {
      for (const [topic, entries] of runsByTopic(messages)) await this.#send(topic, entries, result);
    } else {
      // I3: it is alone, and no entry but the bytes of several.
      const letter = deadLetterOfSource("outbox", Number(offset), value!, Date.now(), unreadable.reason);
      await this.#refuse([letter], result);
    }
    fault("mid-forward");
    // I2: only here, behind the broker's word for every one of them.
    await spool.trim(TOPIC, 0, next);
    this.#failures = 0;
    this.#tryAt = 0;
    return true;
  }

  async #send(topic: string, entries: readonly Message[], result: Forwarded): Promise<void> {
    const { broker: published, tooLarge } = await publishAll(directly(this.#options.broker), topic, entries);
    result.forwarded += published;
    await this.#refuse(tooLarge.map(({ index, reason }) => deadLetterOfOutbox(topic, entries[index]!, reason)), result);
  }

  async #refuse(letters: readonly DeadLetter[], result: Forwarded): Promise<void> {
    const { broker, deadLetterTopic } = this.#options;
    const outage = new Outage(`the topic "${deadLetterTopic}"`);
    if (letters.length > 0) await publishDeadLetters(broker, deadLetterTopic, letters, outage, AbortSignal.abort());
    result.refused += letters.length;
  }

  async #keep(topic: string, messages: readonly Message[]): Promise<void> {
    const { spool, maxBytes } = this.#options;
    await this.#make();
    if (await spool.bytes(TOPIC) >= maxBytes) {
      throw new UserpipeError(
        "outbox-full",
        `The outbox holds ${maxBytes} bytes, which is its limit, and takes no more`,
        "Bring the broker back, or allow more with --outbox-max-bytes",
      );
    }
    const to = encoder.encode(topic);
    await spool.publish(TOPIC, messages.map((message) => ({ ...message, headers: { ...message.headers, [TO]: to } })));
  }

  #failed(error: UserpipeError): void {
    if (this.#failures++ === 0) {
      log.warning("{message}. Records are kept in the outbox and forwarded when it is back", {
        message: error.message,
      });
    }
    this.#tryAt = Date.now() + waitMs(BACKOFF, this.#failures);
  }

  async #left(): Promise<number> {
    const { start, end } = await this.#range();
    return Number(end - start);
  }

  async #range(): Promise<{ start: bigint; end: bigint }> {
    await this.#make();
    const [range] = await this.#options.spool.partitions(TOPIC);
    return range!;
  }

  async #make(): Promise<void> {
    if (this.#made) return;
    const spec = { name: TOPIC, partitions: 1, replication: 1, retentionMs: -1, retentionBytes: -1 };
    await this.#options.spool.init([{ ...spec, maxMessageBytes: MAX_ENTRY_BYTES }], { dryRun: false });
    this.#made = true;
  }
}

/** Neighbours that go to one topic, as they were before they were kept. */
function runsByTopic(entries: readonly Delivered[]): [topic: string, messages: Message[]][] {
  const runs: [string, Message[]][] = [];
  for (const { key, value, timestamp, headers: { [TO]: to, ...headers } } of entries) {
    const topic = decoder.decode(to);
    if (runs.at(-1)?.[0] !== topic) runs.push([topic, []]);
    runs.at(-1)![1].push({ key, value, timestamp, headers });
  }
  return runs;
}

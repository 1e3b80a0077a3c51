/**
 * The outbox: what could not be published because the broker was out of reach, kept in order in the data folder and
 * forwarded when the broker is back. While it holds anything of a topic, every publish to that goes behind it.
 */
import { sleep, waitMs } from "../backoff.ts";
import type { Broker, Delivered, Message, Spool } from "../broker/broker.ts";
import { isTransient, UserpipeError } from "../errors.ts";
import { fault } from "../fault.ts";
import { logger } from "../log.ts";
import { type DeadLetter, deadLetterOfOutbox, deadLetterOfSource, publishDeadLetters } from "../stream/dead_letters.ts";
import { Outage } from "../stream/outage.ts";
import { OutboxLogs, type Waiting } from "./outbox_logs.ts";
import { missingTopicHint } from "./outbox_wording.ts";
import { type Delivery, publishAll, type Publisher } from "./publish.ts";
import { Trouble } from "./trouble.ts";

const log = logger("outbox");

const BACKOFF = { firstMs: 500, maxMs: 30_000 };
const decoder = new TextDecoder();
/** How often a schedule tries to forward what there is, in ms, and how often it looks where there is nothing. */
const LOOK_MS = 2_000;
const SELDOM_MS = 5_000;

export interface OutboxOptions {
  /** The embedded broker on a file of its own. */
  spool: Spool;
  /** Where entries go when it can be reached. */
  broker: Broker;
  deadLetterTopic: string;
  /** Once it holds so many bytes it takes no more. */
  maxBytes: number;
  /** Told of runs of which nothing waits for the topic any more. @returns those that need not be told again */
  onEmpty?: OnEmpty;
}

/** @param runs by id, with how many of their entries the topic did not take */
export type OnEmpty = (topic: string, runs: ReadonlyMap<string, number>) => Promise<Iterable<string>>;

/** What forwarding came to. */
export interface Forwarded {
  forwarded: number;
  /** Entries that the topic does not take: dead letters now. */
  refused: number;
  /** Entries that still wait: for the broker, for a topic that takes none, or for another process. */
  left: number;
  /** Another process is forwarding. */
  busy: boolean;
  /** The broker is away, or the leader of a topic. */
  error?: UserpipeError;
}

export interface ForwardOptions {
  /** Tries also what failed a moment ago. */
  now?: boolean;
  /** Goes first, and what keeps its entries is thrown. */
  topic?: string;
  signal?: AbortSignal;
}

export class Outbox implements Publisher {
  readonly #options: OutboxOptions;
  readonly #logs: OutboxLogs;
  #failures = 0;
  /** Before this time (ms) the broker is not tried again. */
  #tryAt = 0;
  /** Topics whose entries wait by themselves, and before which time (ms) they are not tried again. */
  readonly #held = new Map<string, number>();
  /** The topic that was last found away: it goes last. */
  #away: string | undefined;
  #busy = false;
  /** By topic, the runs of which this process put entries here or took them away. */
  readonly #runs = new Map<string, Map<string, number>>();

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#logs = new OutboxLogs(options.spool);
  }

  /** Whether another process was forwarding when this one last wanted to. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * To the broker, or where that is out of reach or entries of the topic wait, behind them.
   * @throws {UserpipeError} `outbox-full`; `data-folder`; all that waiting for the broker cannot cure
   */
  async publish(topic: string, messages: readonly Message[]): Promise<Delivery> {
    await this.forward({ topic });
    if (!await this.#logs.waits(topic)) {
      try {
        await this.#options.broker.publish(topic, messages);
        return "broker";
      } catch (error) {
        if (!isTransient(error)) throw error;
        this.#failed(error);
      }
    }
    await this.#logs.keep(topic, messages, this.#options.maxBytes);
    this.#remember(topic, messages);
    fault("after-outbox-write");
    return "outbox";
  }

  async waiting(): Promise<Waiting> {
    return await this.#logs.waiting();
  }

  /**
   * Forwards what waits, in order within a topic. Entries of a topic that takes none stay, and do not hold up those of
   * the others.
   * @throws {UserpipeError} what waiting cannot cure: of the file, and of `topic`
   */
  async forward({ now = false, topic, signal }: ForwardOptions = {}): Promise<Forwarded> {
    const result: Forwarded = { forwarded: 0, refused: 0, left: await this.#logs.count(), busy: false };
    this.#busy = false;
    await this.tellEmpty();
    if (result.left === 0 || (!now && Date.now() < this.#tryAt)) return result;
    // One forwarder at a time, over processes: the order is kept, and nothing is published twice for nothing.
    using lock = this.#options.spool.tryLock();
    this.#busy = result.busy = lock === null;
    if (lock === null) return result;
    try {
      await this.#logs.spread(this.#options.deadLetterTopic);
      await this.#forwardAll(result, { now, topic, signal });
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#failed(error);
      result.error = error;
    }
    if (result.forwarded > 0) log.info("Forwarded {count} records from the outbox", { count: result.forwarded });
    await this.tellEmpty();
    result.left = await this.#logs.count();
    return result;
  }

  /** Forwards whenever there is something to, until `signal` is aborted. */
  async keepForwarding(signal: AbortSignal): Promise<void> {
    const trouble = new Trouble({ log, what: "The outbox", meanwhile: "What waits in the outbox is not forwarded" });
    while (!signal.aborted) {
      let left = 0;
      try {
        ({ left } = await this.forward({ signal }));
        trouble.well();
      } catch (error) {
        if (!(error instanceof UserpipeError)) throw error;
        trouble.failed(error);
        this.#tryAt = Date.now() + BACKOFF.maxMs;
      }
      await sleep(left > 0 ? LOOK_MS : SELDOM_MS, signal);
    }
  }

  async #forwardAll(result: Forwarded, { now, topic: own, signal }: ForwardOptions): Promise<void> {
    const rank = (topic: string) => topic === own ? 0 : topic === this.#away ? 2 : 1;
    for (const topic of (await this.#logs.topics()).sort((a, b) => rank(a) - rank(b))) {
      if (!now && topic !== own && Date.now() < (this.#held.get(topic) ?? 0)) continue;
      try {
        while (!signal?.aborted && await this.#step(topic, result));
        this.#held.delete(topic);
      } catch (error) {
        if (isTransient(error)) this.#away = topic;
        if (isTransient(error) || !(error instanceof UserpipeError) || topic === own) throw error;
        this.#hold(topic, error);
      }
    }
  }

  /** Publishes and deletes the topic's oldest entries. @returns false where there are none */
  async #step(topic: string, result: Forwarded): Promise<boolean> {
    const entries = await this.#logs.oldest(topic);
    if (entries.length === 0) return false;
    const [{ unreadable, value, offset }] = entries as [Delivered];
    if (unreadable === undefined) await this.#send(topic, entries, result);
    else {
      // I3: it is alone, and no entry but the bytes of several.
      const letter = deadLetterOfSource(`outbox-${topic}`, Number(offset), value!, Date.now(), unreadable.reason);
      await this.#refuse([letter], result);
      await this.#logs.trim(topic, unreadable.last + 1n);
    }
    this.#failures = 0;
    this.#tryAt = 0;
    return true;
  }

  /** Each part that the broker took, and each entry that it does not take, is deleted before the next is published. */
  async #send(topic: string, entries: readonly Delivered[], result: Forwarded): Promise<void> {
    let next = entries[0]!.offset;
    const publisher: Publisher = {
      publish: async (topic, part) => {
        try {
          await this.#options.broker.publish(topic, part);
          result.forwarded += part.length;
        } catch (error) {
          if (!(error instanceof UserpipeError) || error.code !== "record-too-large" || part.length > 1) throw error;
          await this.#refuse([deadLetterOfOutbox(topic, part[0]!, error.message)], result);
          this.#remember(topic, part, part.length);
        }
        fault("mid-forward");
        // I2: only here, behind the broker's word for every one of them.
        await this.#logs.trim(topic, next += BigInt(part.length));
        return "broker";
      },
    };
    this.#remember(topic, entries);
    const messages = entries.map(({ key, value, timestamp, headers }) => ({ key, value, timestamp, headers }));
    await publishAll(publisher, topic, messages);
  }

  async #refuse(letters: readonly DeadLetter[], result: Forwarded): Promise<void> {
    const { broker, deadLetterTopic } = this.#options;
    const outage = new Outage(`the topic "${deadLetterTopic}"`);
    await publishDeadLetters(broker, deadLetterTopic, letters, outage, AbortSignal.abort());
    result.refused += letters.length;
  }

  #remember(topic: string, entries: readonly Message[], refused = 0): void {
    const runs = this.#runs.get(topic) ?? new Map<string, number>();
    this.#runs.set(topic, runs);
    let last: Message["headers"] | undefined;
    for (const { headers } of entries) {
      // Those of a page are one object.
      if (headers === last || headers["userpipe-run"] === undefined) continue;
      last = headers;
      const run = decoder.decode(headers["userpipe-run"]);
      runs.set(run, (runs.get(run) ?? 0) + refused);
    }
  }

  /** Tells of runs of which nothing waits any more; forwarding does so too. */
  async tellEmpty(): Promise<void> {
    for (const [topic, runs] of this.#runs) {
      if (runs.size === 0 || await this.#logs.waits(topic)) continue;
      const done = await this.#options.onEmpty?.(topic, runs) ?? runs.keys();
      for (const run of [...done]) runs.delete(run);
    }
  }

  #failed({ message, hint }: UserpipeError): void {
    if (this.#failures++ === 0) {
      // Settings may be what is wrong: waiting alone is not said to cure it.
      log.warn("{message}. {hint}. Records are kept in the outbox until it takes them", { message, hint });
    }
    this.#tryAt = Date.now() + waitMs(BACKOFF, this.#failures);
  }

  /** Said once, until they have gone. */
  #hold(topic: string, { code, message, hint: other }: UserpipeError): void {
    const hint = code === "topic-missing" ? missingTopicHint(topic) : other;
    if (!this.#held.has(topic)) {
      log.warn('What waits in the outbox for the topic "{topic}" stays there: {message}. {hint}', {
        ...{ topic, message, hint },
      });
    }
    this.#held.set(topic, Date.now() + BACKOFF.maxMs);
  }
}

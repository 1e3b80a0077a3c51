/**
 * The stream: batches of the topic, checked and written to the store, each acknowledged once every record of
 * it is stored or dead-lettered (I1, I3). Runs in a worker thread; `thread.ts` starts it.
 */
import { sleep } from "../backoff.ts";
import type { Batch, Broker, From, PartitionRange, Subscription } from "../broker/broker.ts";
import { fault } from "../fault.ts";
import { Packer } from "../packed.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Registry } from "../registry/registry.ts";
import type { Store } from "../store/store.ts";
import { traced, TRACEPARENT } from "../trace.ts";
import { beginStream } from "./begin.ts";
import { deadLetterOf, publishDeadLetters } from "./dead_letters.ts";
import {
  type Carried,
  earlier,
  endsOf,
  Limits,
  maxBatchMessages,
  type MaxRefused,
  type Part,
  RefusedLimit,
  tooManyRefused,
} from "./limits.ts";
import { Measures } from "./measures.ts";
import { Outage } from "./outage.ts";
import { checkMessages } from "./rows.ts";
import { Schemas } from "./schemas.ts";
import { lagOf, standOf, type StreamStats } from "./stats.ts";
import { Ticker } from "./ticker.ts";
import { Writer } from "./writer.ts";

export interface StreamOptions {
  pipeline: Pipeline;
  broker: Broker;
  store: Store;
  /** By which the schema ids of what is read are looked up; without one each is taken. */
  registry?: Registry;
  topic: string;
  group: string;
  deadLetterTopic: string;
  from: From;
  /** End at what is the topic's end at the start. */
  untilCaughtUp: boolean;
  /** End at the first record of this time (ms) or later. */
  until?: number;
  maxRecords?: number;
  /** Records a second. */
  maxRate?: number;
  maxInFlightBytes: number;
  /** The stream ends with `too-many-refused` past it, drained. */
  maxRefused?: MaxRefused;
  /** What a worker before this one carried, for `maxRefused`. */
  carried?: Carried;
  /** Drains: nothing new is read, what is under way is finished and committed. */
  stop: AbortSignal;
  /** Gives up what is under way. */
  abort: AbortSignal;
  /** Told every second while something comes, and at the end. */
  onStats: (stats: StreamStats) => void;
}

/** How often it is looked whether other members have reached the end. */
const END_CHECK_MS = 100;
/**
 * Resolves when a limit is reached or `stop` was aborted, with everything read acknowledged and committed.
 * @throws {UserpipeError} what waiting cannot cure; what it can only once `abort` is aborted
 */
export async function stream(options: StreamOptions): Promise<StreamStats> {
  const run = new StreamRun(options);
  return await run.run();
}

class StreamRun {
  readonly #options: StreamOptions;
  readonly #limits: Limits;
  readonly #measures = new Measures();
  readonly #writer: Writer;
  readonly #deadLetterOutage: Outage;
  readonly #schemas: Schemas | undefined;
  readonly #tasks = new Set<Promise<void>>();
  /** Records under way. */
  #pending = 0;
  readonly #ended = new AbortController();
  /** Room for the rows of a batch, used again by the next, since what is made anew costs more to collect; not kept while nothing comes. */
  readonly #packers: Packer[] = [];
  /** When the rate allows the next batch: what was not used while nothing came is not made up for. */
  #due = 0;
  #failure: { error: unknown } | undefined;
  #counts = { rows: 0, refused: 0, oddKeys: 0 };
  readonly #refused: RefusedLimit;
  /** The outage of an end that was away at the start. */
  #away: Outage | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#limits = new Limits(options.maxRecords);
    this.#writer = new Writer(options.store, options.abort, this.#measures);
    this.#deadLetterOutage = new Outage(`the topic "${options.deadLetterTopic}"`);
    this.#schemas = options.registry && new Schemas(options.registry);
    this.#refused = new RefusedLimit(options.maxRefused, options.carried);
  }

  async run(): Promise<StreamStats> {
    const { stop, onStats } = this.#options;
    const subscription = await this.#begin();
    if (subscription === undefined) return this.#stats();
    const drain = () => subscription.stop();
    if (stop.aborted) drain();
    stop.addEventListener("abort", drain);
    const ticker = new Ticker({
      look: () => this.#stand(subscription),
      tell: () => onStats({ ...this.#stats(subscription), measured: this.#measures.take() }),
    });
    const ender = this.#stopAtEnd(subscription);
    let stats: StreamStats;
    try {
      await this.#carryAll(subscription, ticker);
    } finally {
      await Promise.all(this.#tasks);
      this.#ended.abort();
      ticker.close();
      this.#writer.outage.settle({ now: true });
      stop.removeEventListener("abort", drain);
      await ender;
      stats = this.#stats(subscription);
      await subscription.close();
    }
    onStats({ ...stats, measured: this.#measures.take() });
    // Cut short by a signal, what was read says little of the rest.
    if (!stop.aborted) this.#refused.end();
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#refused.passed) throw tooManyRefused(this.#options.maxRefused!, this.#carried);
    return stats;
  }

  async #begin(): Promise<Subscription | undefined> {
    const { topic, group, from, maxInFlightBytes, maxRecords, untilCaughtUp, until, store, maxRate, onStats } =
      this.#options;
    return await beginStream({
      ...this.#options,
      subscribe: { topic, group, from, maxInFlightBytes, maxBatchMessages: maxBatchMessages(store.appetite, maxRate) },
      bounded: untilCaughtUp || until !== undefined || maxRecords !== undefined,
      onAway: (outage) => {
        this.#away = outage;
        onStats(this.#stats());
      },
      onPartitions: (partitions) => this.#setEnds(partitions),
    });
  }

  /** Records that may be under way: with `maxRefused` no more than were carried, since of these it is not known yet. */
  get #room(): number {
    const { store, maxRefused } = this.#options;
    if (maxRefused === undefined) return store.appetite;
    const { rows, refused } = this.#carried;
    return Math.min(store.appetite, Math.max(1, rows + refused));
  }

  get #carried(): Carried {
    const { rows = 0, refused = 0 } = this.#options.carried ?? {};
    return { rows: rows + this.#counts.rows, refused: refused + this.#counts.refused };
  }

  async #setEnds(partitions: readonly PartitionRange[]): Promise<void> {
    const { broker, topic, untilCaughtUp, until } = this.#options;
    const now = endsOf(partitions);
    if (until !== undefined && until <= Date.now()) {
      const then = await broker.offsetsAt(topic, until);
      this.#limits.endAt(untilCaughtUp ? earlier(now, then) : then);
    } else if (untilCaughtUp) {
      this.#limits.endAt(now);
    }
  }

  async #carryAll(subscription: Subscription, ticker: Ticker): Promise<void> {
    // Each in a call of its own: what this one has at hand is held until the next comes, however long that is.
    while (await this.#carryNext(subscription, ticker));
  }

  /** @returns whether there may be more */
  async #carryNext(subscription: Subscription, ticker: Ticker): Promise<boolean> {
    const batch = await subscription.next();
    ticker.wake();
    if (batch === null || this.#refused.passed) return false;
    const part = this.#limits.take(batch);
    this.#pending += part.messages.length;
    if (this.#limits.used) subscription.stop();
    const task = this.#carry(batch, part, subscription).catch((error) => {
      this.#failure ??= { error };
      subscription.stop();
    });
    this.#tasks.add(task);
    task.then(() => {
      this.#tasks.delete(task);
      this.#pending -= part.messages.length;
    });
    while (this.#pending >= this.#room) await Promise.race(this.#tasks);
    const { maxRate } = this.#options;
    if (maxRate !== undefined) {
      const now = performance.now();
      this.#due = Math.max(this.#due, now) + part.messages.length / maxRate * 1000;
      await sleep(this.#due - now, this.#ended.signal);
    }
    return true;
  }

  async #carry(batch: Batch, { messages, next }: Part, subscription: Subscription): Promise<void> {
    const { pipeline, broker, topic, deadLetterTopic, abort } = this.#options;
    const packer = this.#packers.pop() ?? new Packer(pipeline.table.columns);
    const enough = (rows: number, refused: number) => this.#refused.wouldPass(rows, refused);
    const badSchemas = this.#schemas && await this.#schemas.refused(messages, abort);
    const checked = checkMessages(pipeline, topic, messages, Date.now(), { packer, enough, badSchemas });
    // Past --max-refused the rest of the batch is left to whoever reads next.
    if (checked.taken < messages.length) next = messages[checked.taken]!.offset;
    this.#count(checked.rows.length, checked.refused.length, subscription);
    const from = () => [messages[0], messages.at(-1)].map((message) => message?.headers[TRACEPARENT]);
    const attributes = { "messaging.batch.message_count": messages.length };
    const byStore = await traced(
      `store ${topic}`,
      { kind: "consumer", attributes, from },
      () => this.#writer.write(checked.rows),
    );
    this.#count(-byStore.length, byStore.length, subscription);
    this.#measures.stored(checked.messages, byStore.length);
    fault("after-store");
    const refused = [
      ...checked.refused,
      ...byStore.map(({ index, reason }) => deadLetterOf(topic, checked.messages[index]!, "store", reason)),
    ];
    if (refused.length > 0) {
      await publishDeadLetters(broker, deadLetterTopic, refused, this.#deadLetterOutage, abort);
      fault("after-dead-letter");
    }
    // I1: only here, behind the store and the dead-letter topic.
    batch.acknowledge(next);
    this.#counts.rows += checked.rows.length - byStore.length;
    this.#counts.refused += refused.length;
    this.#counts.oddKeys += checked.oddKeys;
    this.#measures.refusedByStore(byStore.length);
    packer.clear();
    this.#packers.push(packer);
  }

  /** Judged before the letters are written: what is read while they are would go over the limit too. */
  #count(rows: number, refused: number, subscription: Subscription): void {
    this.#refused.count(rows, refused);
    if (this.#refused.passed) subscription.stop();
  }

  /** Stops the subscription once every partition is carried to its end, by this member or by others. */
  async #stopAtEnd(subscription: Subscription): Promise<void> {
    const { broker, topic, until, untilCaughtUp } = this.#options;
    if (!untilCaughtUp && until === undefined) return;
    const { signal } = this.#ended;
    try {
      if (!untilCaughtUp && until !== undefined && until > Date.now()) {
        await sleep(until - Date.now(), signal);
        if (!signal.aborted) this.#limits.endAt(await broker.offsetsAt(topic, until));
      }
      while (!signal.aborted && !await this.#atEnd(subscription)) await sleep(END_CHECK_MS, signal);
    } catch (error) {
      this.#failure ??= { error };
    }
    subscription.stop();
  }

  async #atEnd(subscription: Subscription): Promise<boolean> {
    const { broker, topic, group, from } = this.#options;
    const positions = subscription.positions();
    const remaining = this.#limits.remaining(positions);
    if (remaining === undefined) return false;
    if (remaining.size === 0) return true;
    if (positions.some(({ partition }) => remaining.has(partition))) return false;
    // A seek is asked for and no partition is assigned yet: what the group has committed says nothing.
    if (from !== "committed" && positions.length === 0) return false;
    const committed = await broker.committed(topic, group);
    return [...remaining].every(([partition, end]) => (committed.get(partition) ?? -1n) >= end);
  }

  /** Null where something is under way. */
  #stand(subscription: Subscription): string | null {
    this.#writer.outage.settle();
    if (this.#pending > 0 || !this.#writer.outage.settled) return null;
    this.#packers.length = 0;
    const stats = this.#stats(subscription);
    return stats.positions.length > 0 ? standOf(stats) : null;
  }

  #stats(subscription?: Subscription): StreamStats {
    const positions = subscription?.positions() ?? [];
    const lag = positions.reduce((sum, position) => sum + lagOf(position), 0);
    const outages = [this.#away, this.#writer.outage, this.#deadLetterOutage, this.#schemas?.outage];
    const waiting = outages.find((outage) => outage?.current !== undefined)?.current;
    return { ...this.#counts, lag, positions, waiting: waiting?.toPlain() };
  }
}

/**
 * A subscription to a topic: what a member of the group fetched waits here, is handed out in batches, and its
 * acknowledged positions are committed.
 */
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import { isTransient, UserpipeError } from "../errors.ts";
import type { Batch, Position, Subscription } from "./broker.ts";
import { type About, isRebalance, translate } from "./kafka_errors.ts";
import type { FetchedPartition } from "./kafka_fetch_response.ts";
import type { Membership } from "./kafka_group.ts";
import { GroupMember, type MemberEvents, type MemberOptions } from "./kafka_member.ts";
import type { Commit, OwnedPartition } from "./kafka_owned.ts";
import { type Run, runs } from "./kafka_slices.ts";
import { InFlight } from "./positions.ts";

export interface KafkaSubscribeOptions extends MemberOptions {
  maxInFlightBytes: number;
  maxBatchMessages: number;
  commitIntervalMs: number;
  /** Called once it is closed. */
  closed(): void;
}

/** What one generation owns, with what commits it. */
interface Generation {
  membership: Membership;
  owned: ReadonlyMap<number, OwnedPartition>;
}

/** Fetched records of one partition that wait; `bytes` as they were on the wire. */
interface Waiting {
  owned: OwnedPartition;
  runs: Iterator<Run>;
  bytes: number;
}

/** One batch takes at most this share of what may be in flight, so that several can be under way. */
const BATCH_SHARE = 1 / 8;
/**
 * No more than so many full batches are handed out and not committed: where the process is killed, what is stored of them is written
 * again. Kafka may take long to commit where it shares its cores.
 */
const UNCOMMITTED_BATCHES = 10;
/** Where it takes longer to be fewer, as behind a batch that is stuck, it is waited for no more until they are. */
const COMMIT_WAIT_MS = 1_000;
/** A connection that broke is mostly made anew at once. */
const COMMIT_TRIES = 4;
const COMMIT_BACKOFF: Backoff = { firstMs: 50, maxMs: 1_000 };

export class KafkaSubscription implements Subscription, MemberEvents {
  readonly #options: KafkaSubscribeOptions;
  readonly #about: About;
  readonly #member: GroupMember;
  readonly #inFlight: InFlight;
  readonly #stopped = new AbortController();
  #generation: Generation | null = null;
  #queue: Waiting[] = [];
  #queued = 0;
  #failure: { error: unknown } | null = null;
  /** Resolved and made anew when something changed that `next` or `room` wait for. */
  #change = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #committing: Promise<void> = Promise.resolve();
  /** What is not committed took longer to be less than it is waited for, and is not less since. */
  #late = false;
  #closing: Promise<void> | null = null;

  constructor(options: KafkaSubscribeOptions) {
    this.#options = options;
    this.#about = { brokers: options.cluster.brokers.join(", "), topic: options.topic, group: options.group };
    this.#inFlight = new InFlight(options.maxInFlightBytes);
    this.#member = new GroupMember(options, this);
  }

  async next(): Promise<Batch | null> {
    while (!this.#stopped.signal.aborted) {
      const waiting = this.#queue[0];
      if (waiting === undefined) {
        if (this.#failure !== null) throw this.#failure.error;
        await this.#change.promise;
        continue;
      }
      const run = this.#nextRun(waiting);
      if (run === null) continue;
      if (!this.#mayGoAhead(run)) await this.#committed(waiting, run);
      if (!await this.#inFlight.take(run.bytes, this.#stopped.signal)) break;
      // The group may have moved on meanwhile; then whoever owns the partition now fetches it again.
      if (this.#queue[0] === waiting) return this.#handOut(waiting.owned, run);
      this.#inFlight.give(run.bytes);
    }
    return null;
  }

  #nextRun(waiting: Waiting): Run | null {
    const { owned, runs } = waiting;
    let run: IteratorResult<Run>;
    try {
      run = runs.next();
    } catch (error) {
      this.failed(error);
      return null;
    }
    if (!run.done) {
      if (!run.value.doubtful || !owned.fetchAgain(run.value.messages[0].offset)) return run.value;
      this.#drop((waiting) => waiting.owned === owned);
      return null;
    }
    this.#queue.shift();
    this.#queued -= waiting.bytes;
    this.#changed();
    return null;
  }

  #mayGoAhead({ messages }: Run): boolean {
    return this.#late || this.#fits(messages.length);
  }

  /** Whether so many more may be handed out and not committed. A batch may exceed the limit alone. */
  #fits(messages: number): boolean {
    const owned = [...this.#generation?.owned.values() ?? []];
    const before = owned.reduce((sum, { uncommitted }) => sum + uncommitted, 0);
    return before === 0 || before + messages <= UNCOMMITTED_BATCHES * this.#options.maxBatchMessages;
  }

  async #committed(waiting: Waiting, run: Run): Promise<void> {
    const timer = setTimeout(() => {
      this.#late = true;
      this.#changed();
    }, COMMIT_WAIT_MS);
    while (this.#queue[0] === waiting && !this.#mayGoAhead(run)) await this.#change.promise;
    clearTimeout(timer);
  }

  #handOut(owned: OwnedPartition, run: Run): Batch {
    const done = owned.begin(run.next, run.messages.length);
    return {
      partition: owned.partition,
      messages: run.messages,
      next: run.next,
      bytes: run.bytes,
      acknowledge: (carried) => {
        if (!done(carried)) return;
        this.#inFlight.give(run.bytes);
        this.#commitSoon();
      },
    };
  }

  positions(): Position[] {
    const owned = [...this.#generation?.owned.values() ?? []];
    return owned.map(({ partition, acknowledged, end }) => ({ partition, acknowledged, end }))
      .sort((a, b) => a.partition - b.partition);
  }

  stop(): void {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    this.#drop(() => true);
    this.#member.stop();
  }

  async commit(): Promise<void> {
    try {
      await this.#commit();
    } catch (error) {
      throw translate(error, this.#about);
    }
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.stop();
    try {
      await this.commit();
    } finally {
      clearTimeout(this.#timer);
      await this.#member.close();
      this.#options.closed();
    }
  }

  #commitSoon(): void {
    if (this.#closing !== null) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#commit().catch((error) => {
        const known = translate(error, this.#about);
        if (isTransient(known)) this.#commitSoon();
        // A topic that is gone is the member's to judge: it waits for it to be made again.
        else if (!isMissingTopic(known)) this.failed(known);
      });
    }, this.#options.commitIntervalMs);
  }

  /** One request at a time, in order: an older position never comes after a newer one. */
  #commit(): Promise<void> {
    const send = () => this.#sendPositions();
    return this.#committing = this.#committing.then(send, send);
  }

  /**
   * I1: the positions and the membership that commits them are of one generation, taken at once. Trackers begin
   * anew with each generation, at what the group committed, so a batch of an older one moves nothing; and a commit
   * that is under way while the group moves on carries the old generation, which Kafka refuses. What is refused is
   * read again by whoever owns it (I4).
   */
  async #sendPositions(): Promise<void> {
    const generation = this.#generation;
    const commits = new Map<number, Commit>();
    for (const owned of generation?.owned.values() ?? []) {
      const commit = owned.toCommit();
      if (commit !== undefined) commits.set(owned.partition, commit);
    }
    if (generation === null || commits.size === 0) return;
    const positions = new Map([...commits].map(([partition, { position }]) => [partition, position]));
    for (let tries = 1;; tries++) {
      try {
        await generation.membership.commit(positions);
        break;
      } catch (error) {
        if (isRebalance(error) || generation !== this.#generation) return;
        if (tries === COMMIT_TRIES || !isTransient(translate(error, this.#about))) throw error;
        await sleep(waitMs(COMMIT_BACKOFF, tries));
      }
    }
    for (const [partition, { done }] of commits) {
      done();
      this.#member.committed(partition);
    }
    if (this.#fits(this.#options.maxBatchMessages)) this.#late = false;
    this.#changed();
  }

  joined(membership: Membership, owned: ReadonlyMap<number, OwnedPartition>): void {
    this.#drop(() => true);
    this.#generation = { membership, owned };
  }

  async left(why: "moved" | "away" | "gone"): Promise<void> {
    this.#drop(() => true);
    // Positions of a topic that is gone are not to land on one that is made again.
    if (why === "gone") this.#generation = null;
    // What is committed now need not be read again. Kafka takes it while it waits for the members to join.
    if (why === "moved") await this.#commit().catch(() => this.#commitSoon());
  }

  fetched(owned: OwnedPartition, records: FetchedPartition, from: bigint): void {
    const { maxBatchMessages, maxInFlightBytes } = this.#options;
    const limits = { maxMessages: maxBatchMessages, maxBytes: maxInFlightBytes * BATCH_SHARE };
    this.#enqueue({ owned, runs: runs(records, from, limits), bytes: records.bytes.length });
  }

  skipped(owned: OwnedPartition, to: bigint): void {
    const nothing: Run = { messages: [], next: to, bytes: 0 };
    this.#enqueue({ owned, runs: [nothing].values(), bytes: 0 });
  }

  restarted(owned: OwnedPartition): void {
    this.#drop((waiting) => waiting.owned === owned);
  }

  async room(signal: AbortSignal): Promise<void> {
    const abort = () => this.#changed();
    signal.addEventListener("abort", abort, { once: true });
    while (!signal.aborted && this.#queued > this.#options.fetchBytes / 2) await this.#change.promise;
    signal.removeEventListener("abort", abort);
  }

  failed(error: unknown): void {
    this.#failure ??= { error };
    this.#drop(() => true);
  }

  #enqueue(waiting: Waiting): void {
    if (this.#stopped.signal.aborted || this.#failure !== null) return;
    this.#queue.push(waiting);
    this.#queued += waiting.bytes;
    this.#changed();
  }

  #drop(which: (waiting: Waiting) => boolean): void {
    this.#queue = this.#queue.filter((waiting) => !which(waiting));
    this.#queued = this.#queue.reduce((bytes, waiting) => bytes + waiting.bytes, 0);
    this.#changed();
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}

function isMissingTopic(error: unknown): boolean {
  return error instanceof UserpipeError && error.code === "topic-missing";
}

/** Membership in a group of the embedded broker as the port has it: batches, limits and acknowledgements. */
import { UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import { translate } from "../sqlite.ts";
import type { Batch, Position, SubscribeOptions, Subscription } from "./broker.ts";
import { InFlight } from "./positions.ts";
import type { Changes } from "./sqlite_changes.ts";
import type { Log, Run, Topic } from "./sqlite_log.ts";
import type { Membership, Owned } from "./sqlite_membership.ts";
import { letOthersRun } from "./sqlite_turn.ts";

const log = logger("broker");

/** The longest that an acknowledgement waits for its commit, in ms. */
const COMMIT_MS = 100;
/** How often a member looks whether others came or went, in ms. */
const BALANCE_MS = 500;
/** A reader that nothing wakes looks by itself after this, in ms. */
const LONGEST_WAIT_MS = 30_000;
/** A batch takes this share of what may be in flight at the most, so that one can be written while one is read. */
const BATCH_SHARE = 1 / 4;

/** What a subscription works with. */
export interface Parts {
  /** The broker's file, for messages. */
  path: string;
  log: Log;
  changes: Changes;
  topic: Topic;
  membership: Membership;
  /** @throws {UserpipeError} `data-folder` where the file is not the one that was opened */
  assertThere(): void;
  /** Called once it is closed. */
  onClose(): void;
}

export class SqliteSubscription implements Subscription {
  readonly #parts: Parts;
  readonly #maxMessages: number;
  readonly #inFlight: InFlight;
  readonly #stop = new AbortController();
  #balanceTimer: ReturnType<typeof setInterval> | undefined;
  #commitTimer: ReturnType<typeof setTimeout> | undefined;
  #failing = false;
  #defect: unknown;
  #closed = false;
  /** The partition that gave the last batch: the one behind it is next. */
  #last = -1;

  /** Enters the group and takes its share of the partitions. */
  constructor(parts: Parts, options: SubscribeOptions) {
    this.#parts = parts;
    this.#maxMessages = options.maxBatchMessages;
    this.#inFlight = new InFlight(options.maxInFlightBytes);
    parts.membership.balance();
    this.#balanceTimer = setInterval(() => this.#attempt(() => this.#keepUp()), BALANCE_MS);
  }

  async next(): Promise<Batch | null> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await letOthersRun();
      const { mark, found } = this.#look();
      if (!found) {
        await this.#parts.changes.wait(mark, LONGEST_WAIT_MS, signal);
        continue;
      }
      const { owned, run } = found;
      if (!await this.#inFlight.take(run.bytes, signal)) break;
      // It may have been given up while there was no room.
      if (this.#parts.membership.has(owned) && !owned.draining) return this.#handOut(owned, run);
      this.#inFlight.give(run.bytes);
    }
    if (this.#defect !== undefined) throw this.#defect;
    return null;
  }

  #look() {
    try {
      return { mark: this.#parts.changes.mark(), found: this.#read() };
    } catch (error) {
      throw translate(error, this.#parts.path);
    }
  }

  #read(): { owned: Owned; run: Run } | undefined {
    const owned = this.#ready() ?? this.#refreshed();
    if (!owned) return undefined;
    const { tracker, lease: { partition } } = owned;
    this.#last = partition.number;
    const maxBytes = this.#inFlight.limit * BATCH_SHARE;
    const run = this.#parts.log.read(partition, tracker.next, this.#maxMessages, maxBytes);
    const first = run.messages.length > 0 ? run.messages[0].offset : owned.end;
    if (first > tracker.next) this.#passOver(owned, first);
    return run.messages.length > 0 ? { owned, run } : undefined;
  }

  /** The next partition in turn that is known to hold more. */
  #ready(): Owned | undefined {
    const able = this.#parts.membership.owned.filter(({ draining, tracker, end }) => !draining && tracker.next < end);
    return able.find(({ lease }) => lease.partition.number > this.#last) ?? able[0];
  }

  #refreshed(): Owned | undefined {
    const { membership, log, topic } = this.#parts;
    const ranges = log.ranges(topic);
    for (const owned of membership.owned) owned.end = ranges[owned.lease.partition.number].end;
    return this.#ready();
  }

  #passOver({ tracker, lease: { partition } }: Owned, first: bigint): void {
    log.warning("Retention removed messages that this group had not read", {
      topic: this.#parts.topic.name,
      partition: partition.number,
      messages: String(first - tracker.next),
    });
    tracker.begin(first)();
  }

  #handOut({ tracker, lease: { partition } }: Owned, { messages, bytes, next }: Run): Batch {
    const done = tracker.begin(next);
    const acknowledge = (carried?: bigint) => {
      if (!done(carried)) return;
      this.#inFlight.give(bytes);
      this.#commitSoon();
    };
    return { partition: partition.number, messages, next, bytes, acknowledge };
  }

  #commitSoon(): void {
    if (this.#closed || this.#commitTimer !== undefined) return;
    this.#commitTimer = setTimeout(() => {
      this.#commitTimer = undefined;
      this.#attempt(() => this.#keepUp());
    }, COMMIT_MS);
  }

  #keepUp(): void {
    const { membership, changes, assertThere } = this.#parts;
    assertThere();
    membership.commit();
    if (membership.balance()) changes.notify();
  }

  /**
   * What the timers do is tried again by the next one: said once when it fails, and once when it is over.
   * What no waiting cures goes to whoever calls `next`.
   */
  #attempt(work: () => void): void {
    try {
      work();
      if (this.#failing) log.info("The position is committed again", { topic: this.#parts.topic.name });
      this.#failing = false;
    } catch (thrown) {
      const error = translate(thrown, this.#parts.path);
      if (!(error instanceof UserpipeError) || error.code === "data-folder") return this.#fail(error);
      if (!this.#failing) log.warning(`Cannot commit, and tries again: ${error.message}`);
      this.#failing = true;
    }
  }

  #fail(defect: unknown): void {
    this.#defect = defect;
    this.stop();
  }

  positions(): Position[] {
    return this.#parts.membership.owned.map(({ lease, tracker, end }) => {
      return { partition: lease.partition.number, acknowledged: tracker.acknowledged, end };
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async commit(): Promise<void> {
    this.#parts.membership.commit();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.stop();
    clearInterval(this.#balanceTimer);
    clearTimeout(this.#commitTimer);
    try {
      this.#parts.membership.leave();
    } finally {
      this.#parts.onClose();
    }
  }
}

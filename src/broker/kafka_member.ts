/**
 * A member of a consumer group: joins, sends heartbeats, fetches from each node, and joins again where the group
 * moved on or Kafka was away. What it fetches goes to a {@linkcode MemberEvents}, which says when there is room.
 */
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import { messageOf, UserpipeError } from "../errors.ts";
import { fault } from "../fault.ts";
import { logger } from "../log.ts";
import type { From } from "./broker.ts";
import { type About, isRebalance, isStale, rootOf, translate, typeOf } from "./kafka_errors.ts";
import type { FetchedPartition } from "./kafka_fetch_response.ts";
import type { GroupClient, GroupOptions, Membership } from "./kafka_group.ts";
import * as kafka from "./kafka_internals.ts";
import type { OwnedPartition } from "./kafka_owned.ts";
import { isOutOfRange, rangesOf } from "./kafka_requests.ts";
import { StartPositions } from "./kafka_start.ts";
import { Trouble } from "./kafka_trouble.ts";

export interface MemberOptions extends GroupOptions {
  cluster: kafka.ClusterOptions;
  from: From;
  heartbeatMs: number;
  /** Bytes of one fetch, and of one partition in it; one record batch may exceed it alone. */
  fetchBytes: number;
  partitionBytes: number;
}

/** Whom a member works for. */
export interface MemberEvents {
  /** A new generation: what was owned before is not owned any more, or again from the group's position. */
  joined(membership: Membership, owned: ReadonlyMap<number, OwnedPartition>): void;
  /**
   * The generation is over because the group moved on, Kafka is away, or the topic is gone. Called before the member
   * joins again.
   */
  left(why: "moved" | "away" | "gone"): Promise<void>;
  fetched(owned: OwnedPartition, records: FetchedPartition, from: bigint): void;
  /** The records from `from` to `to` are gone for good: nothing is to be read there. */
  skipped(owned: OwnedPartition, to: bigint): void;
  /** The topic was made again: what was fetched of the partition before is of no use. */
  restarted(owned: OwnedPartition): void;
  /** Resolves once there is room for a fetch, or `signal` is aborted. */
  room(signal: AbortSignal): Promise<void>;
  /** What waiting cannot cure; nothing comes after it. */
  failed(error: unknown): void;
}

/** How long a fetch waits for a first record; it answers at once when one comes. */
const FETCH_WAIT_MS = 5_000;
const BACKOFF: Backoff = { firstMs: 200, maxMs: 10_000 };
/** Tries after new metadata, before it counts as trouble: a leader is mostly elected by then. */
const STALE_TRIES = 4;
/** Kafka says for a while after a start that a topic is unknown. */
const MISSING_PATIENCE_MS = 30_000;
/** How long a stop waits for the loop, and for Kafka to take note that the member leaves. */
const LEAVE_MS = 1_000;

const log = logger("broker");

export class GroupMember {
  readonly #options: MemberOptions;
  readonly #events: MemberEvents;
  readonly #about: About;
  readonly #cluster: kafka.KafkaCluster;
  readonly #client: GroupClient;
  readonly #trouble = new Trouble();
  readonly #stopping = new AbortController();
  readonly #closing = new AbortController();
  readonly #start: StartPositions;
  #failures = 0;
  /** Since when Kafka says that there is no such topic. */
  #goneAt: number | null = null;
  #ended: Promise<void>;

  constructor(options: MemberOptions, events: MemberEvents) {
    this.#options = options;
    this.#events = events;
    this.#about = { brokers: options.cluster.brokers.join(", "), topic: options.topic, group: options.group };
    this.#start = new StartPositions(options.topic, options.from);
    this.#cluster = kafka.newCluster(options.cluster);
    this.#client = kafka.newGroupClient(this.#cluster, options, options.cluster);
    this.#ended = this.#run().catch((error) => events.failed(error));
  }

  /** Fetches nothing more; stays a member, so that positions can still be committed. */
  stop(): void {
    this.#stopping.abort();
    kafka.interruptFetches(this.#cluster);
  }

  /** Leaves the group, and ends every connection. */
  async close(): Promise<void> {
    this.stop();
    this.#closing.abort();
    await Promise.race([this.#ended, sleep(LEAVE_MS)]);
    await Promise.race([this.#client.leave().catch((error) => this.#leftBehind(error)), sleep(LEAVE_MS)]);
    kafka.destroy(this.#cluster);
    await this.#ended;
  }

  /** The position of `partition` is with the group now. */
  committed(partition: number): void {
    this.#start.committed(partition);
  }

  #leftBehind(error: unknown): void {
    log.debug(`The member did not leave its group, which waits out its session: ${messageOf(error)}`);
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#work(await this.#join());
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (!await this.#recover(error)) return;
      }
    }
  }

  /** @returns false where waiting cannot cure it */
  async #recover(error: unknown): Promise<boolean> {
    const moved = isRebalance(error);
    const known = translate(error, this.#about);
    const gone = known instanceof UserpipeError && known.code === "topic-missing";
    if (typeOf(error) === "UNKNOWN_MEMBER_ID") this.#client.forget();
    await this.#events.left(moved ? "moved" : gone ? "gone" : "away");
    this.#failures++;
    if (moved && this.#failures < STALE_TRIES) return true;
    if (!moved) {
      this.#goneAt = gone ? this.#goneAt ?? Date.now() : null;
      const patient = this.#goneAt !== null && Date.now() - this.#goneAt < MISSING_PATIENCE_MS;
      const waits = known instanceof UserpipeError && (patient || known.transient);
      if (!waits) {
        this.#events.failed(known);
        return false;
      }
      this.#trouble.begin(known);
      // kafkajs takes a connection that answered nothing for a good one, for ever.
      kafka.destroy(this.#cluster);
    }
    await sleep(waitMs(BACKOFF, this.#failures), this.#stopping.signal);
    return true;
  }

  async #join(): Promise<ReadonlyMap<number, OwnedPartition>> {
    await this.#cluster.connect();
    await this.#cluster.addTargetTopic(this.#options.topic);
    await this.#cluster.refreshMetadata();
    const membership = await this.#client.join();
    fault("rebalance");
    const owned = await this.#start.own(this.#cluster, membership);
    this.#events.joined(membership, owned);
    return owned;
  }

  /** One generation: ends with an error that says why, or on a stop. */
  async #work(owned: ReadonlyMap<number, OwnedPartition>): Promise<void> {
    const over = new AbortController();
    const heartbeats = this.#heartbeats(AbortSignal.any([over.signal, this.#closing.signal]));
    const fetches = this.#fetchAll(owned, AbortSignal.any([over.signal, this.#stopping.signal]));
    try {
      await Promise.all([heartbeats, fetches]);
    } finally {
      over.abort();
      kafka.interruptFetches(this.#cluster);
      await Promise.allSettled([heartbeats, fetches]);
    }
  }

  /** They do not depend on the batches: a slow store never costs the membership. */
  async #heartbeats(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#client.heartbeat();
      } catch (error) {
        // After a stop it does not join again: the group waits for it, and takes its positions until it leaves.
        if (!this.#stopping.signal.aborted || typeOf(error) !== "REBALANCE_IN_PROGRESS") throw error;
      }
      await sleep(this.#options.heartbeatMs, signal);
    }
  }

  /** A loop for each node, so that one with nothing new holds up no other; anew where nodes come or go. */
  async #fetchAll(owned: ReadonlyMap<number, OwnedPartition>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const round = new AbortController();
      const either = AbortSignal.any([signal, round.signal]);
      const failures: unknown[] = [];
      await Promise.all(
        this.#cluster.getNodeIds().map(async (node, _, nodes) => {
          try {
            await this.#fetchFrom(node, nodes.join(), owned, either);
          } catch (error) {
            failures.push(error);
          }
          round.abort();
          kafka.interruptFetches(this.#cluster);
        }),
      );
      if (failures.length > 0) throw failures[0];
    }
  }

  async #fetchFrom(node: string, nodes: string, owned: ReadonlyMap<number, OwnedPartition>, signal: AbortSignal) {
    for (let stale = 0; !signal.aborted && this.#cluster.getNodeIds().join() === nodes;) {
      try {
        await this.#events.room(signal);
        if (!signal.aborted) await this.#fetch(node, owned, signal);
        stale = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (isOutOfRange(error)) await this.#reset(owned, error);
        else if (!isStale(error) || ++stale === STALE_TRIES) throw error;
        else await this.#refresh(stale, signal);
      }
    }
  }

  async #refresh(attempt: number, signal: AbortSignal): Promise<void> {
    await sleep(waitMs(BACKOFF, attempt), signal);
    if (!signal.aborted) await this.#cluster.refreshMetadata();
  }

  async #fetch(node: string, owned: ReadonlyMap<number, OwnedPartition>, signal: AbortSignal): Promise<void> {
    const { topic, fetchBytes, partitionBytes } = this.#options;
    await this.#cluster.refreshMetadataIfNecessary();
    this.#client.checkPartitions();
    const led = this.#cluster.findLeaderForPartitions(topic, [...owned.keys()])[node] ?? [];
    if (led.length === 0) return await sleep(FETCH_WAIT_MS, signal);
    const from = led.map((partition) => ({
      partition,
      offset: owned.get(partition)!.fetchNext,
      maxBytes: partitionBytes,
    }));
    const limits = { maxBytes: fetchBytes, maxWaitMs: FETCH_WAIT_MS };
    if (signal.aborted) return;
    const fetched = await unlessAborted(kafka.fetchRecords(this.#cluster, node, topic, from, limits), signal);
    if (fetched === null) return;
    this.#failures = 0;
    this.#goneAt = null;
    this.#trouble.over(`Kafka at "${this.#about.brokers}"`);
    for (const records of fetched) {
      const partition = owned.get(records.partition)!;
      const begin = partition.fetchNext;
      partition.end = records.end;
      if (records.next === null || records.next <= begin) continue;
      partition.fetchNext = records.next;
      this.#events.fetched(partition, records, begin);
    }
  }

  /** Kafka has nothing at our position: retention was faster, or the topic was made again. */
  async #reset(owned: ReadonlyMap<number, OwnedPartition>, error: unknown): Promise<void> {
    const { topic } = this.#options;
    const partition = owned.get((rootOf(error) as { partition?: number }).partition ?? -1);
    if (partition === undefined) throw error;
    const [{ start, end }] = await rangesOf(this.#cluster, topic, [partition.partition]);
    const at = partition.fetchNext;
    const place = `"${topic}", partition ${partition.partition}`;
    partition.end = end;
    if (at < start) {
      log.warn(
        `${start - at} records of ${place}, were removed before they were read: the offsets ${at} to ${start - 1n}`,
      );
      partition.fetchNext = start;
      this.#events.skipped(partition, start);
    } else if (at > end) {
      log.warn(
        `${place}, ends at ${end}, below the position ${at}: it was made again or cut, and is read from ${start}`,
      );
      partition.restart(start);
      this.#events.restarted(partition);
    }
  }
}

/** What `work` gives, or `null` once `signal` is aborted; what comes of it then is of no interest. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const aborted = Promise.withResolvers<null>();
  const abort = () => aborted.resolve(null);
  signal.addEventListener("abort", abort, { once: true });
  work.catch(() => {});
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * A member of a consumer group: joins, sends heartbeats, has its partitions fetched, and joins again where the group
 * moved on, Kafka was away or the topic was made again. What it meets goes to a {@linkcode MemberEvents}.
 */
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import { isTransient, messageOf, UserpipeError } from "../errors.ts";
import { fault } from "../fault.ts";
import { logger } from "../log.ts";
import type { From } from "./broker.ts";
import { type About, isRebalance, translate, typeOf } from "./kafka_errors.ts";
import { Fetcher, type FetchEvents, type FetchOptions } from "./kafka_fetcher.ts";
import { GroupClient, type GroupOptions, type Membership } from "./kafka_group.ts";
import * as kafka from "./kafka_internals.ts";
import type { OwnedPartition } from "./kafka_owned.ts";
import { explained } from "./kafka_reach.ts";
import { StartPositions } from "./kafka_start.ts";
import { TopicIdentity, TopicMadeAgain } from "./kafka_topic_id.ts";
import { Trouble } from "./kafka_trouble.ts";
import type { KafkaCluster } from "./kafka_types.ts";

export interface MemberOptions extends GroupOptions, FetchOptions {
  cluster: kafka.ClusterOptions;
  from: From;
  heartbeatMs: number;
}

/** Whom a member works for. */
export interface MemberEvents extends FetchEvents {
  /** A new generation: what was owned before is not owned any more, or again from the group's position. */
  joined(membership: Membership, owned: ReadonlyMap<number, OwnedPartition>): void;
  /**
   * The generation is over because the group moved on, Kafka is away, or the topic is gone, also where there is another
   * of its name. Called before the member joins again.
   */
  left(why: "moved" | "away" | "gone"): Promise<void>;
  /** What waiting cannot cure; nothing comes after it. */
  failed(error: unknown): void;
}

const BACKOFF: Backoff = { firstMs: 200, maxMs: 10_000 };
/** How often the group may move on, with nothing fetched in between, before it is waited for longer and longer. */
const MOVED_TRIES = 4;
/** Kafka says for a while after a start that a topic is unknown. */
const MISSING_PATIENCE_MS = 30_000;
/** How long a stop waits for the loop, and for Kafka to take note that the member leaves. */
const LEAVE_MS = 1_000;

const log = logger("broker");

export class GroupMember {
  readonly #options: MemberOptions;
  readonly #events: MemberEvents;
  readonly #about: About;
  readonly #cluster: KafkaCluster;
  readonly #identity: TopicIdentity;
  readonly #client: GroupClient;
  readonly #trouble = new Trouble();
  readonly #stopping = new AbortController();
  readonly #closing = new AbortController();
  readonly #start: StartPositions;
  #failures = 0;
  /** Since when Kafka says that there is no such topic. */
  #goneAt: number | null = null;
  /** Resolved and made anew with each heartbeat. */
  #beat = Promise.withResolvers<void>();
  #ended: Promise<void>;

  constructor(options: MemberOptions, events: MemberEvents) {
    this.#options = options;
    this.#events = events;
    this.#about = { brokers: options.cluster.brokers.join(", "), topic: options.topic, group: options.group };
    this.#start = new StartPositions(options.topic, options.from);
    this.#cluster = kafka.newCluster(options.cluster);
    this.#identity = new TopicIdentity(this.#cluster, options.topic);
    this.#client = new GroupClient(this.#cluster, options, options.cluster, this.#identity);
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
    this.#client.close();
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
        await this.#work(...await this.#join());
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (!await this.#recover(error)) return;
      }
    }
  }

  /** @returns false where waiting cannot cure it */
  async #recover(error: unknown): Promise<boolean> {
    // Positions of before are not to land on the new topic: it begins with a generation of its own.
    if (error instanceof TopicMadeAgain) {
      await this.#events.left("gone");
      return true;
    }
    const moved = isRebalance(error);
    let known = translate(error, this.#about);
    const gone = known instanceof UserpipeError && known.code === "topic-missing";
    if (typeOf(error) === "UNKNOWN_MEMBER_ID") this.#client.forget();
    await this.#events.left(moved ? "moved" : gone ? "gone" : "away");
    this.#failures++;
    if (moved && this.#failures < MOVED_TRIES) return true;
    if (!moved) {
      known = await explained(known, this.#options.cluster);
      this.#goneAt = gone ? this.#goneAt ?? Date.now() : null;
      const patient = this.#goneAt !== null && Date.now() - this.#goneAt < MISSING_PATIENCE_MS;
      if (!(known instanceof UserpipeError) || !patient && !known.transient) {
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

  async #join(): Promise<[Membership, ReadonlyMap<number, OwnedPartition>]> {
    await this.#cluster.connect();
    await this.#cluster.addTargetTopic(this.#options.topic);
    await this.#cluster.refreshMetadata();
    const membership = await this.#client.join();
    fault("rebalance");
    const owned = await this.#start.own(this.#cluster, membership);
    this.#events.joined(membership, owned);
    return [membership, owned];
  }

  /** One generation: ends with an error that says why, or on a stop. */
  async #work({ topicId }: Membership, owned: ReadonlyMap<number, OwnedPartition>): Promise<void> {
    const over = new AbortController();
    const working = AbortSignal.any([over.signal, this.#stopping.signal]);
    const fetcher = new Fetcher(this.#cluster, this.#options, this.#events, {
      checkPartitions: () => this.#client.checkPartitions(),
      checkTopic: () => this.#identity.check(topicId),
      answered: () => this.#answered(),
    }, owned);
    const loops = [
      this.#heartbeats(AbortSignal.any([over.signal, this.#closing.signal])),
      this.#watchTopic(topicId, working),
      fetcher.run(working),
    ];
    try {
      await Promise.all(loops);
    } finally {
      over.abort();
      this.#beats();
      kafka.interruptFetches(this.#cluster);
      await Promise.allSettled(loops);
    }
  }

  #answered(): void {
    this.#failures = 0;
    this.#goneAt = null;
    this.#trouble.over(`Kafka at "${this.#about.brokers}"`);
  }

  /**
   * I3: one that is made again between two fetches, with more in it than before, answers as if it were the same. It is looked at
   * with each heartbeat, so that an idle process wakes once for both.
   */
  async #watchTopic(topicId: string | undefined, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#beat.promise;
      if (signal.aborted) return;
      try {
        await this.#identity.check(topicId);
      } catch (error) {
        // Whether Kafka is away is for the heartbeats and the fetches to say.
        if (!isTransient(translate(error, this.#about))) throw error;
      }
    }
  }

  /** They do not depend on the batches: a slow store never costs the membership. */
  async #heartbeats(signal: AbortSignal): Promise<void> {
    for (; !signal.aborted; await sleep(this.#options.heartbeatMs, signal)) {
      this.#beats();
      try {
        await this.#client.heartbeat();
      } catch (error) {
        // After a stop it does not join again: the group waits for it, and takes its positions until it leaves.
        if (!this.#stopping.signal.aborted || typeOf(error) !== "REBALANCE_IN_PROGRESS") throw error;
      }
    }
    // Nothing waits for one that does not come any more.
    this.#beats();
  }

  #beats(): void {
    this.#beat.resolve();
    this.#beat = Promise.withResolvers();
  }
}

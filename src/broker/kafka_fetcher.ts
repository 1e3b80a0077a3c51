/**
 * Fetches the partitions of one generation of a group, from each node that leads some of them, and hands on what came
 * to a {@linkcode FetchEvents}, which says when there is room.
 */
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import { logger } from "../log.ts";
import { isStale, rootOf } from "./kafka_errors.ts";
import type { FetchedPartition } from "./kafka_fetch_response.ts";
import { fetchRecords, interruptFetches } from "./kafka_internals.ts";
import type { OwnedPartition } from "./kafka_owned.ts";
import { isOutOfRange, rangesOf } from "./kafka_requests.ts";
import type { KafkaCluster } from "./kafka_types.ts";

export interface FetchOptions {
  topic: string;
  /** Bytes of one fetch, and of one partition in it; one record batch may exceed it alone. */
  fetchBytes: number;
  partitionBytes: number;
}

/** Whom it works for. */
export interface FetchEvents {
  fetched(owned: OwnedPartition, records: FetchedPartition, from: bigint): void;
  /** The records from `from` to `to` are gone for good: nothing is to be read there. */
  skipped(owned: OwnedPartition, to: bigint): void;
  /** The topic was made again: what was fetched of the partition before is of no use. */
  restarted(owned: OwnedPartition): void;
  /** Resolves once there is room for a fetch, or `signal` is aborted. */
  room(signal: AbortSignal): Promise<void>;
}

/** What the member does for it. */
export interface FetchMember {
  /** Called before each fetch. @throws where the topic has partitions that it had not when the group was joined */
  checkPartitions(): void;
  /** Called where Kafka does not have what was known of it. @throws {TopicMadeAgain} */
  checkTopic(): Promise<void>;
  /** Kafka has answered. */
  answered(): void;
}

/** How long a fetch waits for a first record; it answers at once when one comes. */
const FETCH_WAIT_MS = 5_000;
const BACKOFF: Backoff = { firstMs: 200, maxMs: 10_000 };
/** Tries after new metadata, before it counts as trouble: a leader is mostly elected by then. */
const STALE_TRIES = 4;

const log = logger("broker");

export class Fetcher {
  readonly #cluster: KafkaCluster;
  readonly #options: FetchOptions;
  readonly #events: FetchEvents;
  readonly #member: FetchMember;
  readonly #owned: ReadonlyMap<number, OwnedPartition>;

  constructor(
    cluster: KafkaCluster,
    options: FetchOptions,
    events: FetchEvents,
    member: FetchMember,
    owned: ReadonlyMap<number, OwnedPartition>,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#events = events;
    this.#member = member;
    this.#owned = owned;
  }

  /** A loop for each node, so that one with nothing new holds up no other; anew where nodes come or go. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const round = new AbortController();
      const either = AbortSignal.any([signal, round.signal]);
      const failures: unknown[] = [];
      await Promise.all(
        this.#cluster.getNodeIds().map(async (node, _, nodes) => {
          try {
            await this.#fetchFrom(node, nodes.join(), either);
          } catch (error) {
            failures.push(error);
          }
          round.abort();
          interruptFetches(this.#cluster);
        }),
      );
      if (failures.length > 0) throw failures[0];
    }
  }

  async #fetchFrom(node: string, nodes: string, signal: AbortSignal): Promise<void> {
    for (let stale = 0; !signal.aborted && this.#cluster.getNodeIds().join() === nodes;) {
      try {
        await this.#events.room(signal);
        if (!signal.aborted) await this.#fetch(node, signal);
        stale = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (isOutOfRange(error)) await this.#reset(error);
        else if (!isStale(error) || ++stale === STALE_TRIES) throw error;
        else await this.#refresh(stale, signal);
      }
    }
  }

  async #refresh(attempt: number, signal: AbortSignal): Promise<void> {
    await sleep(waitMs(BACKOFF, attempt), signal);
    if (signal.aborted) return;
    await this.#cluster.refreshMetadata();
    await this.#member.checkTopic();
  }

  async #fetch(node: string, signal: AbortSignal): Promise<void> {
    const { topic, fetchBytes, partitionBytes } = this.#options;
    await this.#cluster.refreshMetadataIfNecessary();
    this.#member.checkPartitions();
    const led = this.#cluster.findLeaderForPartitions(topic, [...this.#owned.keys()])[node] ?? [];
    if (led.length === 0) return await sleep(FETCH_WAIT_MS, signal);
    const from = led.map((partition) => ({
      partition,
      offset: this.#owned.get(partition)!.fetchNext,
      maxBytes: partitionBytes,
    }));
    const limits = { maxBytes: fetchBytes, maxWaitMs: FETCH_WAIT_MS };
    if (signal.aborted) return;
    const fetched = await unlessAborted(fetchRecords(this.#cluster, node, topic, from, limits), signal);
    if (fetched === null) return;
    this.#member.answered();
    for (const records of fetched) {
      const partition = this.#owned.get(records.partition)!;
      const begin = partition.fetchNext;
      // Set back meanwhile, so that a batch is fetched once more: what lies between has not come.
      if (begin !== from.find((asked) => asked.partition === records.partition)!.offset) continue;
      partition.end = records.end;
      if (records.next === null || records.next <= begin) continue;
      partition.fetchNext = records.next;
      this.#events.fetched(partition, records, begin);
    }
  }

  /** Kafka has nothing at our position: retention was faster, or the topic was made again. */
  async #reset(error: unknown): Promise<void> {
    const { topic } = this.#options;
    const partition = this.#owned.get((rootOf(error) as { partition?: number }).partition ?? -1);
    if (partition === undefined) throw error;
    await this.#member.checkTopic();
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

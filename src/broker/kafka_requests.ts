/**
 * Requests without a group: clusters are borrowed for one piece of work each, so that a read that waits for
 * records holds up no other, and one that failed is never used again.
 */
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import type { PartitionRange } from "./broker.ts";
import { type About, isElection, isStale, topicMissing, translate, typeOf } from "./kafka_errors.ts";
import { type ClusterOptions, destroy, newCluster } from "./kafka_internals.ts";
import { explained } from "./kafka_reach.ts";
import type { KafkaCluster } from "./kafka_types.ts";

const ELECTION_TRIES = 6;
const ELECTION_BACKOFF: Backoff = { firstMs: 50, maxMs: 1_000 };

export class KafkaRequests {
  readonly #options: ClusterOptions;
  readonly #brokers: string;
  /** By topic: kafkajs fails for every topic of a cluster where one of them is gone. */
  #idle = new Map<string, KafkaCluster[]>();
  #all = new Set<KafkaCluster>();
  #busy = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#brokers = options.brokers.join(", ");
  }

  /**
   * Does `work` with a connected cluster that knows `topic`, where one is named. It is done again with new
   * connections where what was known is out of date, and while leaders are elected: a topic that was just made
   * has none yet.
   * @throws {UserpipeError}
   */
  async with<T>(about: Omit<About, "brokers">, work: (cluster: KafkaCluster) => Promise<T>): Promise<T> {
    const done = this.#with(about.topic ?? "", work);
    this.#busy.add(done);
    try {
      return await done;
    } catch (error) {
      throw await explained(translate(error, { ...about, brokers: this.#brokers }), this.#options);
    } finally {
      this.#busy.delete(done);
    }
  }

  /** Ends every connection; what is under way fails. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const cluster of this.#all) destroy(cluster);
    await Promise.allSettled(this.#busy);
  }

  async #with<T>(topic: string, work: (cluster: KafkaCluster) => Promise<T>): Promise<T> {
    for (let tries = 1;; tries++) {
      const idle = tries === 1 ? this.#idle.get(topic)?.pop() : undefined;
      const cluster = idle ?? this.#open();
      try {
        await cluster.connect();
        if (topic !== "") await cluster.addTargetTopic(topic);
        await cluster.refreshMetadataIfNecessary();
        const result = await work(cluster);
        this.#giveBack(topic, cluster);
        return result;
      } catch (error) {
        this.#drop(cluster);
        const again = idle === undefined ? isElection(error) && tries < ELECTION_TRIES : isStale(error);
        if (this.#closed || !again) throw error;
        if (idle === undefined) await sleep(waitMs(ELECTION_BACKOFF, tries));
      }
    }
  }

  #open(): KafkaCluster {
    const cluster = newCluster(this.#options);
    this.#all.add(cluster);
    return cluster;
  }

  #giveBack(topic: string, cluster: KafkaCluster): void {
    if (this.#closed) return this.#drop(cluster);
    const idle = this.#idle.get(topic) ?? [];
    idle.push(cluster);
    this.#idle.set(topic, idle);
  }

  #drop(cluster: KafkaCluster): void {
    this.#all.delete(cluster);
    destroy(cluster);
  }
}

/** The numbers of a topic's partitions. @throws {UserpipeError} `topic-missing` */
export function partitionsOf(cluster: KafkaCluster, topic: string): number[] {
  const partitions = cluster.findTopicPartitionMetadata(topic).map((each) => each.partitionId);
  if (partitions.length === 0) throw topicMissing(topic);
  return partitions.sort((a, b) => a - b);
}

/** First offsets and ends. The end is that of a reader of committed records: before a transaction that is open. */
export async function rangesOf(cluster: KafkaCluster, topic: string, partitions: number[]): Promise<PartitionRange[]> {
  if (partitions.length === 0) return [];
  const [start, end] = await Promise.all([
    offsets(cluster, topic, partitions, { fromBeginning: true }),
    offsets(cluster, topic, partitions, { fromBeginning: false }),
  ]);
  return partitions.map((partition) => ({ partition, start: start.get(partition)!, end: end.get(partition)! }));
}

/** The first offsets at or after a time in ms; a partition that has none is left out. */
export async function offsetsAt(
  cluster: KafkaCluster,
  topic: string,
  partitions: number[],
  timestamp: number,
): Promise<Map<number, bigint>> {
  if (partitions.length === 0) return new Map();
  const found = await offsets(cluster, topic, partitions, { fromTimestamp: timestamp });
  for (const [partition, offset] of found) if (offset < 0n) found.delete(partition);
  return found;
}

async function offsets(
  cluster: KafkaCluster,
  topic: string,
  partitions: number[],
  which: { fromBeginning: boolean } | { fromTimestamp: number },
): Promise<Map<number, bigint>> {
  const query = { topic, partitions: partitions.map((partition) => ({ partition })), ...which };
  const [answer] = await cluster.fetchTopicsOffset([query]);
  return new Map(answer.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

/** Whether Kafka holds nothing at the offset that was asked for. */
export const isOutOfRange = (error: unknown): boolean => typeOf(error) === "OFFSET_OUT_OF_RANGE";

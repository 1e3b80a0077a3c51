/** Where a member begins in each partition: what `from` asked for, what the group committed, or the first offset. */
import type { From, PartitionRange } from "./broker.ts";
import type { Membership } from "./kafka_group.ts";
import type { KafkaCluster } from "./kafka_internals.ts";
import { OwnedPartition } from "./kafka_owned.ts";
import { offsetsAt, rangesOf } from "./kafka_requests.ts";

export class StartPositions {
  readonly #topic: string;
  readonly #from: From;
  /** Of the first assignment, and not committed yet: a rebalance must not forget what `from` asked for. */
  #sought: Map<number, bigint> | null = null;

  constructor(topic: string, from: From) {
    this.#topic = topic;
    this.#from = from;
  }

  /** The partitions of a new generation, each at its position. */
  async own(cluster: KafkaCluster, membership: Membership): Promise<Map<number, OwnedPartition>> {
    const { partitions } = membership;
    const [committed, ranges] = await Promise.all([
      membership.committed(),
      rangesOf(cluster, this.#topic, partitions),
    ]);
    const sought = this.#sought ??= await this.#seek(cluster, ranges);
    return new Map(ranges.map(({ partition, start, end }) => {
      const position = sought.get(partition) ?? committed.get(partition) ?? start;
      return [partition, new OwnedPartition(partition, position, end)];
    }));
  }

  /** The position of `partition` is with the group now. */
  committed(partition: number): void {
    this.#sought?.delete(partition);
  }

  async #seek(cluster: KafkaCluster, ranges: readonly PartitionRange[]): Promise<Map<number, bigint>> {
    const from = this.#from;
    if (from === "committed") return new Map();
    if (from === "earliest") return new Map(ranges.map(({ partition, start }) => [partition, start]));
    const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
    if (from === "latest") return ends;
    const found = await offsetsAt(cluster, this.#topic, [...ends.keys()], from.timestamp);
    return new Map([...ends, ...found]);
  }
}

/** Where a member begins in each partition: what `from` asked for, what the group committed, or the first offset. */
import { logger } from "../log.ts";
import type { From, PartitionRange } from "./broker.ts";
import type { Membership } from "./kafka_group.ts";
import { OwnedPartition } from "./kafka_owned.ts";
import { offsetsAt, rangesOf } from "./kafka_requests.ts";
import type { KafkaCluster } from "./kafka_types.ts";

const log = logger("broker");

export class StartPositions {
  readonly #topic: string;
  readonly #from: From;
  /** Of the first assignment, and not committed yet: a rebalance must not forget what `from` asked for. */
  #sought: Map<number, bigint> | null = null;
  /** As far as Kafka gives topics an id. */
  #topicId: string | undefined;
  /** The id of the topic that was said to be made again. */
  #saidOf: string | undefined;

  constructor(topic: string, from: From) {
    this.#topic = topic;
    this.#from = from;
  }

  /** The partitions of a new generation, each at its position. */
  async own(cluster: KafkaCluster, membership: Membership): Promise<Map<number, OwnedPartition>> {
    const { partitions, topicId } = membership;
    const [{ positions, ofAnother }, ranges] = await Promise.all([
      membership.committed(),
      rangesOf(cluster, this.#topic, partitions),
    ]);
    // I3: neither what the group committed nor what --from asked for is a place in a topic that was made since.
    const another = this.#topicId !== undefined && topicId !== this.#topicId;
    if (another) this.#sought = new Map();
    this.#topicId = topicId;
    const sought = this.#sought ??= await this.#seek(cluster, ranges);
    if (another || ofAnother && sought.size === 0) this.#sayMadeAgain(topicId);
    return new Map(ranges.map(({ partition, start, end }) => {
      const position = sought.get(partition) ?? positions.get(partition) ?? start;
      return [partition, new OwnedPartition(partition, position, end)];
    }));
  }

  #sayMadeAgain(topicId: string | undefined): void {
    if (this.#saidOf === topicId) return;
    this.#saidOf = topicId;
    log.warn(`"${this.#topic}" was made again: the group's positions are of the topic before it, and it is read from \
its start`);
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

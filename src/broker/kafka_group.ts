/**
 * What a member asks of its consumer group: kafkajs's member, with the topic's id in what it commits, and with its
 * own id on record before it joins.
 */
import { leaveForTheDead } from "./kafka_dead_members.ts";
import { type ClusterOptions, newConsumerGroup, newMemberId } from "./kafka_internals.ts";
import { MemberRecord } from "./kafka_member_record.ts";
import { commitMetadata, isOfAnother, type TopicIdentity } from "./kafka_topic_id.ts";
import type { KafkaCluster, KafkaGroup, KafkaNode } from "./kafka_types.ts";

export interface GroupOptions {
  topic: string;
  group: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** Where members are on record, so that a start need not wait for the session of one that died; none: nowhere. */
  membersFolder: string | undefined;
}

/** What a member owns in one generation of its group. */
export interface Membership {
  partitions: number[];
  /** Of the topic as it was when the group was joined. */
  topicId: string | undefined;
  /** The group's positions in this topic; a partition without one is left out. */
  committed(): Promise<Committed>;
  /** Carries the generation, so that Kafka refuses it once the group has moved on. */
  commit(offsets: ReadonlyMap<number, bigint>): Promise<void>;
}

export interface Committed {
  positions: Map<number, bigint>;
  /** Whether there were others, of a topic of the same name that was deleted. */
  ofAnother: boolean;
}

/** Membership in a consumer group. Only one call at a time but `heartbeat` and `commit`. */
export class GroupClient {
  readonly #options: GroupOptions;
  readonly #clusterOptions: ClusterOptions;
  readonly #identity: TopicIdentity;
  readonly #group: KafkaGroup;
  readonly #record: MemberRecord;
  /** Whether this process is still to look who died before it. */
  #first = true;

  constructor(cluster: KafkaCluster, options: GroupOptions, clusterOptions: ClusterOptions, identity: TopicIdentity) {
    this.#options = options;
    this.#clusterOptions = clusterOptions;
    this.#identity = identity;
    this.#group = newConsumerGroup(cluster, options, clusterOptions);
    this.#record = new MemberRecord(options.membersFolder, clusterOptions.brokers, options.group);
  }

  /** Joins, waiting for the others. @returns what this member owns, until the group moves on */
  async join(): Promise<Membership> {
    const group = this.#group;
    group.memberId ??= await newMemberId(group);
    this.#record.keep(group.memberId);
    const leaving = this.#first ? this.#leaveForTheDead(group.memberId) : undefined;
    this.#first = false;
    try {
      await group.joinAndSync();
    } finally {
      await leaving;
    }
    this.#record.keep(group.memberId);
    return this.#membership(await this.#identity.now());
  }

  #leaveForTheDead(memberId: string): Promise<void> {
    return leaveForTheDead(this.#record, { group: this.#options.group, memberId }, this.#clusterOptions);
  }

  #membership(topicId: string | undefined): Membership {
    const { topic } = this.#options;
    // kafkajs makes one of these for each generation, and keeps the generation in it.
    const offsets = this.#group.offsetManager;
    const partitions = this.#group.assigned().flatMap((each) => each.topic === topic ? each.partitions : []);
    const metadata = commitMetadata(topicId);
    return {
      partitions,
      topicId,
      committed: async () => this.#committed(await offsets.getCoordinator(), partitions, topicId),
      commit: (positions) => {
        const commits = Array.from(positions, ([partition, offset]) => ({
          partition,
          offset: String(offset),
          metadata,
        }));
        return offsets.commitOffsets({ topics: [{ topic, partitions: commits }] });
      },
    };
  }

  async #committed(coordinator: KafkaNode, partitions: number[], topicId: string | undefined): Promise<Committed> {
    if (partitions.length === 0) return { positions: new Map(), ofAnother: false };
    const { topic, group: groupId } = this.#options;
    const topics = [{ topic, partitions: partitions.map((partition) => ({ partition })) }];
    const { responses } = await coordinator.offsetFetch({ groupId, topics });
    return positionsOf(responses.flatMap((each) => each.partitions), topicId);
  }

  heartbeat(): Promise<void> {
    return this.#group.heartbeat({ interval: 0 });
  }

  /** @throws where the topic has partitions that it had not when the group was joined */
  checkPartitions(): void {
    this.#group.checkForStaleAssignment();
  }

  /** Joins as somebody else next time: the group does not know this member. */
  forget(): void {
    this.#group.memberId = null;
  }

  async leave(): Promise<void> {
    await this.#group.leave();
    this.#record.remove();
  }

  /** Behind `leave`, where that was possible: what is on record of a member that could not leave stays, for the next. */
  close(): void {
    this.#record.close();
  }
}

/** Of what Kafka has of a group, the positions in the topic of this id. */
export function positionsOf(
  partitions: readonly { partition: number; offset: string; metadata: string | null }[],
  topicId: string | undefined,
): Committed {
  const committed = partitions.map((each) => ({ ...each, offset: BigInt(each.offset) }))
    .filter(({ offset }) => offset >= 0n);
  const own = committed.filter(({ metadata }) => !isOfAnother(metadata, topicId));
  return {
    positions: new Map(own.map(({ partition, offset }) => [partition, offset])),
    ofAnother: own.length < committed.length,
  };
}

/** What a member asks of its consumer group. */

/** Membership in a consumer group. Only one call at a time but `heartbeat` and `commit`. */
export interface GroupClient {
  /** Joins, waiting for the others. @returns what this member owns, until the group moves on */
  join(): Promise<Membership>;
  heartbeat(): Promise<void>;
  /** @throws where the topic has partitions that it had not when the group was joined */
  checkPartitions(): void;
  /** Joins as somebody else next time: the group does not know this member. */
  forget(): void;
  leave(): Promise<void>;
}

/** What a member owns in one generation of its group. */
export interface Membership {
  partitions: number[];
  /** The group's positions; a partition without one is left out. */
  committed(): Promise<Map<number, bigint>>;
  /** Carries the generation, so that Kafka refuses it once the group has moved on. */
  commit(offsets: ReadonlyMap<number, bigint>): Promise<void>;
}

export interface GroupOptions {
  topic: string;
  group: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
}

/** What is used of kafkajs's own objects, which have no public types. */
import type { Assigner } from "kafkajs";
import type { CheckedNode } from "./kafka_check.ts";
import type { FetchResponse } from "./kafka_fetch_response.ts";

/** kafkajs's view of a cluster: its connections and what it knows of the topics. */
export interface KafkaCluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  getNodeIds(): string[];
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  fetchTopicsOffset(topics: OffsetQuery[]): Promise<{ partitions: { partition: number; offset: string }[] }[]>;
  findBroker(node: { nodeId: string }): Promise<KafkaNode>;
  findGroupCoordinator(of: { groupId: string }): Promise<KafkaNode>;
  targetTopics: Set<string>;
  brokerPool: {
    brokers: Record<string, KafkaNode>;
    seedBroker?: KafkaNode;
    findConnectedBroker(): Promise<KafkaNode>;
  };
}

/** `fromBeginning` asks for the first offset or the end, `fromTimestamp` for the first at or after a time in ms. */
type OffsetQuery =
  & { topic: string; partitions: { partition: number }[] }
  & (
    { fromBeginning: boolean } | { fromTimestamp: number }
  );

export interface KafkaNode extends CheckedNode {
  fetch(request: object): Promise<FetchResponse>;
  offsetFetch(request: object): Promise<{ responses: { partitions: CommittedOffset[] }[] }>;
  describeGroups(request: { groupIds: string[] }): Promise<{ groups: { members: { memberId: string }[] }[] }>;
  leaveGroup(member: { groupId: string; memberId: string }): Promise<void>;
  /** What it understands, by the number of a request; null until it was connected. */
  versions: Record<number, { maxVersion: number }> | null;
  /** Picks the newest version of a request that both sides understand. */
  lookupRequest<O, T>(apiKey: number, request: Versions<O, T>): (options: O) => Protocol<unknown, T>;
  connectionPool: { pool: KafkaConnection[]; send<D, T>(protocol: Protocol<D, T>): Promise<T> };
}

interface CommittedOffset {
  partition: number;
  offset: string;
  metadata: string | null;
}

/** A request with how its answer is read: `D` as it is decoded, `T` where it is no error. */
export interface Protocol<D, T> {
  request: { apiKey: number; apiVersion: number; apiName: string; encode(): Promise<{ buf: Uint8Array }> };
  response: { decode(payload: Uint8Array): Promise<D>; parse(decoded: D): Promise<T> };
}

/** A request in all its versions. */
export interface Versions<O, T> {
  protocol(version: { version: number }): (options: O) => Protocol<unknown, T>;
}

export interface KafkaConnection {
  socket?: { removeAllListeners(): void; on(event: "error", listener: () => void): void; destroy(error?: Error): void };
  isConnected(): boolean;
}

/** kafkajs's member of a group. */
export interface KafkaGroup {
  readonly cluster: KafkaCluster;
  readonly groupId: string;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly topicsSubscribed: string[];
  readonly assigners: Assigner[];
  coordinator: KafkaNode | null;
  memberId: string | null;
  offsetManager: {
    getCoordinator(): Promise<KafkaNode>;
    commitOffsets(commit: { topics: { topic: string; partitions: object[] }[] }): Promise<void>;
  };
  joinAndSync(): Promise<void>;
  assigned(): { topic: string; partitions: number[] }[];
  heartbeat(options: { interval: number }): Promise<void>;
  checkForStaleAssignment(): void;
  leave(): Promise<void>;
}

/** A request of kafkajs; times in ms. */
export interface SocketRequest {
  /** null before it is sent. */
  sentAt: number | null;
  requestTimeout: number;
  timeoutRequest(): void;
}

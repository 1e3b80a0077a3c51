/**
 * All reaches into kafkajs's own modules; kafkajs is pinned exactly. Its public parts have no fetch without a
 * group, and a consumer whose heartbeats and stop wait for a fetch: group and fetch are taken from within.
 */
import type { Admin, ISocketFactory, Producer } from "kafkajs";
import createAdmin from "kafkajs/src/admin/index.js";
import Cluster from "kafkajs/src/cluster/index.js";
import ConsumerGroup from "kafkajs/src/consumer/consumerGroup.js";
import { KafkaJSNonRetriableError } from "kafkajs/src/errors.js";
import { createLogger, LEVELS } from "kafkajs/src/loggers/index.js";
import Connection from "kafkajs/src/network/connection.js";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import createSocketFactory from "kafkajs/src/network/socketFactory.js";
import createProducer from "kafkajs/src/producer/index.js";
import produce from "kafkajs/src/protocol/requests/produce/index.js";
import fetchResponse from "kafkajs/src/protocol/requests/fetch/v11/response.js";
import { logger } from "../log.ts";
import { amongSubscribers } from "./kafka_assigner.ts";
import type { CheckedNode } from "./kafka_check.ts";
import {
  encodeProduceRequest,
  OutgoingMessage,
  type ProduceOptions,
  stablePartitioner,
} from "./kafka_produce_request.ts";
import type { GroupClient, GroupOptions } from "./kafka_group.ts";
import { decodeFetchResponse, type FetchedPartition, type FetchResponse } from "./kafka_fetch_response.ts";

/** How kafkajs is to reach a cluster, and how long it may take. */
export interface ClusterOptions {
  brokers: string[];
  clientId: string;
  connectionTimeoutMs: number;
  requestTimeoutMs: number;
  /** Times that kafkajs tries by itself, in each of its layers. */
  retries: number;
}

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
  targetTopics: Set<string>;
  brokerPool: { brokers: Record<string, KafkaNode>; seedBroker?: KafkaNode };
}

/** `fromBeginning` asks for the first offset or the end, `fromTimestamp` for the first at or after a time in ms. */
type OffsetQuery =
  & { topic: string; partitions: { partition: number }[] }
  & (
    { fromBeginning: boolean } | { fromTimestamp: number }
  );

interface KafkaNode extends CheckedNode {
  fetch(request: object): Promise<FetchResponse>;
  offsetFetch(request: object): Promise<{ responses: { partitions: { partition: number; offset: string }[] }[] }>;
  connectionPool: { pool: KafkaConnection[] };
}

interface KafkaConnection {
  socket?: { removeAllListeners(): void; on(event: "error", listener: () => void): void; destroy(error?: Error): void };
  isConnected(): boolean;
}

const READ_COMMITTED = 1;
/** Topics that grow are seen within this time. */
const METADATA_MAX_AGE_MS = 60_000;
/** The versions of the protocol that are read and written here: Kafka 2.3 and later has both. */
const PRODUCE_VERSION = 7;
/** Of a node's two connections, the one that kafkajs keeps for Fetch. */
const FETCH_CONNECTION = 1;

const log = logger("broker");
// What kafkajs calls an error is mostly something it retries, and what is one is said by us.
const kafkaLogger = createLogger({
  level: LEVELS.INFO,
  logCreator: () => ({ namespace, log: { message } }: { namespace: string; log: { message: string } }) =>
    log.debug(`kafkajs ${namespace}: ${message}`),
});

const retryOf = (options: ClusterOptions) => ({ retries: options.retries, initialRetryTime: 100, maxRetryTime: 1_000 });

export function newCluster(options: ClusterOptions, maxInFlightRequests: number | null = null): KafkaCluster {
  return new Cluster({
    logger: kafkaLogger,
    socketFactory: createSocketFactory() as ISocketFactory,
    brokers: options.brokers,
    clientId: options.clientId,
    connectionTimeout: options.connectionTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    enforceRequestTimeout: true,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    retry: retryOf(options),
    allowAutoTopicCreation: false,
    maxInFlightRequests,
    isolationLevel: READ_COMMITTED,
  }) as KafkaCluster;
}

/** A producer whose records Kafka numbers, so that what it sends again is not there twice. */
export function newProducer(cluster: KafkaCluster, options: ClusterOptions): Producer {
  return createProducer({
    cluster,
    logger: kafkaLogger,
    idempotent: true,
    createPartitioner: stablePartitioner,
    retry: retryOf(options),
  });
}

export function newAdmin(cluster: KafkaCluster, options: ClusterOptions): Admin {
  return createAdmin({ cluster, logger: kafkaLogger, retry: retryOf(options) });
}

/** Ends every connection at once. What waits for an answer fails. */
export function destroy({ brokerPool }: KafkaCluster): void {
  for (const node of new Set([brokerPool.seedBroker, ...Object.values(brokerPool.brokers)])) {
    for (const connection of node?.connectionPool.pool ?? []) connection.socket?.destroy(new Error("closed"));
  }
}

/** Ends what waits for records, so that a stop does not: kafkajs connects anew when it fetches again. */
export function interruptFetches({ brokerPool }: KafkaCluster): void {
  for (const node of Object.values(brokerPool.brokers)) {
    node.connectionPool.pool[FETCH_CONNECTION].socket?.destroy(new Error("interrupted"));
  }
}

/** What is asked of one partition. */
export interface FetchFrom {
  partition: number;
  offset: bigint;
  maxBytes: number;
}

/** Fetches from the node that leads these partitions; waits up to `maxWaitMs` for a first byte. */
export async function fetchRecords(
  cluster: KafkaCluster,
  nodeId: string,
  topic: string,
  from: readonly FetchFrom[],
  limits: { maxBytes: number; maxWaitMs: number },
): Promise<FetchedPartition[]> {
  const node = await cluster.findBroker({ nodeId });
  const { responses } = await node.fetch({
    maxWaitTime: limits.maxWaitMs,
    minBytes: 1,
    maxBytes: limits.maxBytes,
    isolationLevel: READ_COMMITTED,
    topics: [{
      topic,
      partitions: from.map(({ partition, offset, maxBytes }) => ({
        partition,
        fetchOffset: String(offset),
        maxBytes,
      })),
    }],
  });
  const fetched = responses.flatMap(({ partitions }) => partitions);
  if (fetched.some((each) => each.bytes === undefined)) throw tooOld("Fetch");
  return fetched;
}

function tooOld(request: string, version = 10): Error {
  return new KafkaJSNonRetriableError(`it is older than Kafka 2.3 (it has version ${version} of ${request})`);
}

/** A client that joins as the public consumer of kafkajs does: the same protocol, the same name of the assigner. */
export function newGroupClient(cluster: KafkaCluster, options: GroupOptions, retries: ClusterOptions): GroupClient {
  const { topic, group: groupId } = options;
  const group = new ConsumerGroup({
    cluster,
    groupId,
    topics: [topic],
    topicConfigurations: { [topic]: { fromBeginning: true } },
    logger: kafkaLogger,
    instrumentationEmitter: { emit: () => {} },
    assigners: [amongSubscribers(cluster)],
    sessionTimeout: options.sessionTimeoutMs,
    rebalanceTimeout: options.rebalanceTimeoutMs,
    autoCommit: false,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    retry: { ...retryOf(retries), initialRetryTime: 50 },
  });
  return {
    join: async () => {
      await group.joinAndSync();
      // kafkajs makes one of these for each generation, and keeps the generation in it.
      const offsets = group.offsetManager;
      const assigned: { topic: string; partitions: number[] }[] = group.assigned();
      const partitions = assigned.flatMap((each) => each.topic === topic ? each.partitions : []);
      return {
        partitions,
        committed: async () => offsetsOf(await offsets.getCoordinator(), groupId, topic, partitions),
        commit: (positions) => {
          const commits = Array.from(positions, ([partition, offset]) => ({ partition, offset: String(offset) }));
          return offsets.commitOffsets({ topics: [{ topic, partitions: commits }] });
        },
      };
    },
    heartbeat: () => group.heartbeat({ interval: 0 }),
    checkPartitions: () => group.checkForStaleAssignment(),
    forget: () => group.memberId = null,
    leave: () => group.leave(),
  };
}

async function offsetsOf(coordinator: KafkaNode, groupId: string, topic: string, partitions: number[]) {
  const topics = [{ topic, partitions: partitions.map((partition) => ({ partition })) }];
  const { responses } = partitions.length > 0 ? await coordinator.offsetFetch({ groupId, topics }) : { responses: [] };
  return new Map(
    responses.flatMap((each) => each.partitions).map((each) => [each.partition, BigInt(each.offset)] as const)
      .filter(([, offset]) => offset >= 0n),
  );
}

/** How often a connection with requests under way looks whether one took too long, in ms; kafkajs: 100. */
const TIMEOUT_CHECK_MS = 1_000;

RequestQueue.prototype.scheduleCheckPendingRequests = function () {
  // kafkajs wakes each connection every millisecond, whether anything waits or not. What waits for an answer in
  // front of it is looked at when that comes; only what Kafka asked to hold back needs a clock.
  const heldBackMs = this.throttledUntil - Date.now();
  if (this.pending.length === 0 || heldBackMs <= 0 || this.throttleCheckTimeoutId !== null) return;
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null;
    this.checkPendingRequests();
  }, heldBackMs);
};

RequestQueue.prototype.scheduleRequestTimeoutCheck = function () {
  this.destroy();
  this.requestTimeoutIntervalId = setInterval(() => {
    for (const request of this.inflight.values()) {
      if (Date.now() - request.sentAt > request.requestTimeout) request.timeoutRequest();
    }
    if (!this.isConnected()) this.destroy();
  }, TIMEOUT_CHECK_MS);
};

const createSocketRequest = RequestQueue.prototype.createSocketRequest;
RequestQueue.prototype.createSocketRequest = function (pushed: { entry: { apiName: string }; requestTimeout: number }) {
  const request = createSocketRequest.call(this, pushed);
  // The first request of a connection: who does not answer it is no Kafka, or hangs.
  if (pushed.entry.apiName === "ApiVersions") request.requestTimeout = pushed.requestTimeout;
  return request;
};

const connect: () => Promise<boolean> = Connection.prototype.connect;
const connecting = new WeakMap<KafkaConnection, Promise<boolean>>();
Connection.prototype.connect = function (this: KafkaConnection) {
  // kafkajs opens two sockets where two ask at once, goes on with the half answer of a connection that broke,
  // and hears its end as that of the new one.
  if (this.isConnected()) return Promise.resolve(true);
  const pending = connecting.get(this);
  if (pending !== undefined) return pending;
  retire(this);
  Object.assign(this, { chunks: [], bytesBuffered: 0, bytesNeeded: 4 });
  const connected = connect.call(this).finally(() => connecting.delete(this));
  connecting.set(this, connected);
  return connected;
};

const disconnect: () => Promise<boolean> = Connection.prototype.disconnect;
Connection.prototype.disconnect = async function (this: KafkaConnection) {
  const { socket } = this;
  const done = await disconnect.call(this);
  if (this.socket === socket) retire(this);
  return done;
};

/** Nothing that the old socket still has to say is heard. */
function retire(connection: KafkaConnection): void {
  const { socket } = connection;
  connection.socket = undefined;
  socket?.removeAllListeners();
  socket?.on("error", () => {});
  socket?.destroy();
}

const protocolOf: (version: { version: number }) => (options: ProduceOptions) => { request: object } = produce.protocol;
produce.protocol = (version: { version: number }) => (options: ProduceOptions) => {
  const protocol = protocolOf(version)(options);
  if (!(options.topicData[0]?.partitions[0]?.messages[0] instanceof OutgoingMessage)) return protocol;
  if (version.version !== PRODUCE_VERSION) throw tooOld("Produce", version.version);
  const encode = () => {
    const buf = encodeProduceRequest(options);
    return Promise.resolve({ buf, buffer: buf });
  };
  return { ...protocol, request: { ...protocol.request, encode } };
};

fetchResponse.decode = (payload: Uint8Array) => Promise.resolve(decodeFetchResponse(payload));

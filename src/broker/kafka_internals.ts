/**
 * All reaches into kafkajs's own modules; kafkajs is pinned exactly. Its public parts have no fetch without a
 * group, and a consumer whose heartbeats and stop wait for a fetch: group and fetch are taken from within.
 */
import type { Admin, Producer } from "kafkajs";
import createAdmin from "kafkajs/src/admin/index.js";
import Cluster from "kafkajs/src/cluster/index.js";
import ConsumerGroup from "kafkajs/src/consumer/consumerGroup.js";
import {
  KafkaJSGroupCoordinatorNotFound,
  KafkaJSMemberIdRequired,
  KafkaJSNonRetriableError,
} from "kafkajs/src/errors.js";
import { createLogger, LEVELS } from "kafkajs/src/loggers/index.js";
import Connection from "kafkajs/src/network/connection.js";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import createProducer from "kafkajs/src/producer/index.js";
import joinGroup from "kafkajs/src/protocol/requests/joinGroup/index.js";
import metadata from "kafkajs/src/protocol/requests/metadata/index.js";
import produce from "kafkajs/src/protocol/requests/produce/index.js";
import fetchResponse from "kafkajs/src/protocol/requests/fetch/v11/response.js";
import { logger } from "../log.ts";
import { type Login, type Tls, tlsOptions } from "../tls.ts";
import { amongSubscribers } from "./kafka_assigner.ts";
import {
  encodeProduceRequest,
  OutgoingMessage,
  type ProduceOptions,
  stablePartitioner,
} from "./kafka_produce_request.ts";
import type { GroupOptions } from "./kafka_group.ts";
import { receive, socketFactory } from "./kafka_receive.ts";
import { decodeFetchResponse, type FetchedPartition } from "./kafka_fetch_response.ts";
import type { KafkaCluster, KafkaConnection, KafkaGroup, SocketRequest, Versions } from "./kafka_types.ts";

/** How kafkajs is to reach a cluster, and how long it may take. */
export interface ClusterOptions {
  brokers: string[];
  clientId: string;
  connectionTimeoutMs: number;
  requestTimeoutMs: number;
  /** Times that kafkajs tries by itself, in each of its layers. */
  retries: number;
  /** Left out: in plain. */
  tls?: Tls;
  /** Left out: nobody logs in. The mechanism by its name in Kafka. */
  sasl?: Login & { mechanism: string };
}

const READ_COMMITTED = 1;
/** Topics that grow are seen within this time. */
const METADATA_MAX_AGE_MS = 60_000;
/** The versions of the protocol that are read and written here: Kafka 2.3 and later has both. */
const PRODUCE_VERSION = 7;
const JOIN_GROUP = 11;
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
    socketFactory,
    brokers: options.brokers,
    clientId: options.clientId,
    ssl: options.tls === undefined ? null : tlsOptions(options.tls),
    // kafkajs keeps in it how it logs in.
    sasl: options.sasl === undefined ? null : { ...options.sasl },
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

/** A member that joins as the public consumer of kafkajs does: the same protocol, the same name of the assigner. */
export function newConsumerGroup(cluster: KafkaCluster, options: GroupOptions, retries: ClusterOptions): KafkaGroup {
  const { topic, group, sessionTimeoutMs, rebalanceTimeoutMs } = options;
  return new ConsumerGroup({
    cluster,
    groupId: group,
    topics: [topic],
    topicConfigurations: { [topic]: { fromBeginning: true } },
    logger: kafkaLogger,
    instrumentationEmitter: { emit: () => {} },
    assigners: [amongSubscribers(cluster)],
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    autoCommit: false,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    retry: { ...retryOf(retries), initialRetryTime: 50 },
  }) as KafkaGroup;
}

/** The id under which a new member is to join: Kafka gives it one first, and takes it in once it comes with that. */
export async function newMemberId(group: KafkaGroup): Promise<string> {
  const { groupId, sessionTimeout, rebalanceTimeout, assigners, topicsSubscribed: topics } = group;
  const coordinator = group.coordinator = await group.cluster.findGroupCoordinator({ groupId });
  const join = coordinator.lookupRequest(JOIN_GROUP, joinGroup as JoinGroup);
  const groupProtocols = assigners.map((each) => each.protocol({ topics }));
  const asNobody = { memberId: "", protocolType: "consumer", groupProtocols };
  const request = join({ groupId, sessionTimeout, rebalanceTimeout, ...asNobody });
  try {
    return (await coordinator.connectionPool.send(request)).memberId;
  } catch (error) {
    if (error instanceof KafkaJSMemberIdRequired) return (error as { memberId: string }).memberId;
    throw error;
  }
}

type JoinGroup = Versions<object, { memberId: string }>;

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

/** kafkajs looks ten times a second whether a request took too long, also where none is under way. */
RequestQueue.prototype.scheduleRequestTimeoutCheck = function () {
  clearTimeout(this.requestTimeoutIntervalId);
  const left = [...this.inflight.values(), ...this.pending].map(timeLeft);
  if (left.length === 0) return;
  this.requestTimeoutIntervalId = setTimeout(() => {
    for (const request of [...this.inflight.values()]) if (timeLeft(request) <= 0) request.timeoutRequest();
    this.scheduleRequestTimeoutCheck();
  }, Math.max(1, Math.min(...left)));
};

const timeLeft = (request: SocketRequest) => (request.sentAt ?? Date.now()) + request.requestTimeout - Date.now();

const createSocketRequest = RequestQueue.prototype.createSocketRequest;
RequestQueue.prototype.createSocketRequest = function (pushed: { entry: { apiName: string }; requestTimeout: number }) {
  const request = createSocketRequest.call(this, pushed);
  // The first request of a connection: who does not answer it is no Kafka, or hangs.
  if (pushed.entry.apiName === "ApiVersions") request.requestTimeout = pushed.requestTimeout;
  // It is under way once it is pushed.
  queueMicrotask(() => this.scheduleRequestTimeoutCheck());
  return request;
};

Connection.prototype.processData = receive;

const connect: () => Promise<boolean> = Connection.prototype.connect;
const connecting = new WeakMap<KafkaConnection, Promise<boolean>>();
Connection.prototype.connect = function (this: KafkaConnection) {
  // kafkajs opens two sockets where two ask at once, and hears the end of one that broke as that of the new one.
  if (this.isConnected()) return Promise.resolve(true);
  const pending = connecting.get(this);
  if (pending !== undefined) return pending;
  retire(this);
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

type FindCoordinator = (of: { groupId: string; coordinatorType: number }) => Promise<unknown>;
const findCoordinator: FindCoordinator = Cluster.prototype.findGroupCoordinatorMetadata;
Cluster.prototype.findGroupCoordinatorMetadata = async function (...[of]: Parameters<FindCoordinator>) {
  try {
    return await findCoordinator.call(this, of);
  } catch (error) {
    if (!(error instanceof KafkaJSGroupCoordinatorNotFound)) throw error;
    // kafkajs forgets what the brokers said: also that this user may not.
    return await (await (this as KafkaCluster).brokerPool.findConnectedBroker()).findGroupCoordinator(of);
  }
};

interface Described {
  topicMetadata: { topicErrorCode: number; partitionMetadata: { partitionErrorCode: number }[] }[];
}

const metadataOf: Versions<{ topics: string[] }, Described>["protocol"] = metadata.protocol;
metadata.protocol = (version: { version: number }) => (options: { topics: string[] }) => {
  const protocol = metadataOf(version)(options);
  if (options.topics.length > 0) return protocol;
  // Where no topic is named kafkajs asks for all, and fails where one of anybody's has lost its leader.
  const well = ({ topicErrorCode, partitionMetadata }: Described["topicMetadata"][number]) =>
    topicErrorCode === 0 && partitionMetadata.every(({ partitionErrorCode }) => partitionErrorCode === 0);
  const parse = (decoded: unknown) =>
    Promise.resolve({ ...decoded as Described, topicMetadata: (decoded as Described).topicMetadata.filter(well) });
  return { ...protocol, response: { ...protocol.response, parse } };
};

fetchResponse.decode = (payload: Uint8Array) => Promise.resolve(decodeFetchResponse(payload));

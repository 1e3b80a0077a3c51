/** The Kafka adapter of the broker port: the broker of `--brokers`, shared with whoever else uses that Kafka. */
import { UserpipeError } from "../errors.ts";
import type { Broker, ReadLimits, Slice } from "./broker.ts";
import { checkKafka, committedOffsets, initTopics } from "./kafka_admin.ts";
import { diagnoseKafka } from "./kafka_check.ts";
import type { Compression } from "./kafka_codecs.ts";
import { type ClusterOptions, fetchRecords } from "./kafka_internals.ts";
import { TopicProducer } from "./kafka_producer.ts";
import { isOutOfRange, KafkaRequests, offsetsAt, partitionsOf, rangesOf } from "./kafka_requests.ts";
import { runs } from "./kafka_slices.ts";
import { KafkaSubscription } from "./kafka_subscription.ts";
import type { KafkaCluster } from "./kafka_types.ts";

export interface KafkaOptions {
  /** `host:port` of at least one broker; the others are learnt from it. */
  brokers: string[];
  /** What Kafka's own logs and metrics call this client. */
  clientId: string;
  /** Of what is published. Default `none`. */
  compression?: Compression;
  /** How long Kafka waits for a member that says nothing before it gives its partitions away, in ms. Default 10 s. */
  sessionTimeoutMs?: number;
  /** Left out: connections are in plain. */
  tls?: ClusterOptions["tls"];
  /** Left out: nobody logs in. */
  sasl?: ClusterOptions["sasl"];
  /** Where it is kept which members of groups run on this machine; left out: a killed one is waited for. */
  membersFolder?: string;
}

const CONNECTION_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 10_000;
const SESSION_TIMEOUT_MS = 10_000;
/** How long the group waits for a member to join again. */
const REBALANCE_TIMEOUT_MS = 60_000;
/** Under a third of the session, as Kafka advises; a topic that was made again is noticed within it too. */
const HEARTBEAT_MS = 3_000;
const COMMIT_INTERVAL_MS = 10;
/** What is fetched ahead is at most this share of what may be in flight, and one partition's a part of that. */
const FETCH_SHARE = 1 / 8;
const PARTITION_SHARE = 1 / 2;
const MIN_FETCH_BYTES = 64 * 1024;

/** Opens nothing yet: connections are made when they are first used. */
export function openKafka(options: KafkaOptions): Broker {
  const cluster: ClusterOptions = {
    brokers: options.brokers,
    clientId: options.clientId,
    connectionTimeoutMs: CONNECTION_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    retries: 1,
    tls: options.tls,
    sasl: options.sasl,
  };
  const requests = new KafkaRequests(cluster);
  const producers = new Map<string, TopicProducer>();
  const subscriptions = new Set<KafkaSubscription>();

  const producerOf = (topic: string): TopicProducer => {
    const known = producers.get(topic);
    if (known !== undefined) return known;
    const producer = new TopicProducer(topic, { cluster, compression: options.compression ?? "none" });
    producers.set(topic, producer);
    return producer;
  };

  return {
    name: `Kafka at ${options.brokers.join(", ")}`,
    check: () => checkKafka(requests, cluster),
    diagnose: (wanted) => diagnoseKafka(cluster, wanted),
    init: (topics, { dryRun }) => initTopics(requests, cluster, topics, dryRun),
    publish: async (topic, messages) => {
      if (messages.length > 0) await producerOf(topic).publish(messages);
    },
    partitions: (topic) =>
      requests.with({ topic }, async (kafka) => {
        await kafka.refreshMetadata();
        return await rangesOf(kafka, topic, partitionsOf(kafka, topic));
      }),
    offsetsAt: (topic, timestamp) =>
      requests.with({ topic }, async (kafka) => {
        const partitions = partitionsOf(kafka, topic);
        const found = await offsetsAt(kafka, topic, partitions, timestamp);
        const ranges = await rangesOf(kafka, topic, partitions);
        return new Map(ranges.map(({ partition, end }) => [partition, found.get(partition) ?? end]));
      }),
    committed: (topic, group) => committedOffsets(requests, cluster, topic, group),
    subscribe: async ({ topic, group, from, maxInFlightBytes, maxBatchMessages }) => {
      // What waiting cannot cure is said at once: no such topic, no Kafka.
      await requests.with({ topic }, (kafka) => Promise.resolve(partitionsOf(kafka, topic)));
      const fetchBytes = Math.max(MIN_FETCH_BYTES, Math.floor(maxInFlightBytes * FETCH_SHARE));
      const subscription: KafkaSubscription = new KafkaSubscription({
        cluster,
        topic,
        group,
        from,
        maxInFlightBytes,
        maxBatchMessages,
        fetchBytes,
        partitionBytes: Math.floor(fetchBytes * PARTITION_SHARE),
        sessionTimeoutMs: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
        rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
        membersFolder: options.membersFolder,
        heartbeatMs: HEARTBEAT_MS,
        commitIntervalMs: COMMIT_INTERVAL_MS,
        closed: () => subscriptions.delete(subscription),
      });
      subscriptions.add(subscription);
      return subscription;
    },
    read: (topic, partition, offset, limits) =>
      requests.with({ topic }, (kafka) => readPartition(kafka, topic, partition, offset, limits)),
    close: async () => {
      await Promise.all([
        ...Array.from(subscriptions, (each) => each.close()),
        ...Array.from(producers.values(), (each) => each.close()),
      ]);
      await requests.close();
    },
  };
}

async function readPartition(
  kafka: KafkaCluster,
  topic: string,
  partition: number,
  offset: bigint,
  { maxBytes, maxWaitMs }: ReadLimits,
): Promise<Slice> {
  const [node] = Object.keys(kafka.findLeaderForPartitions(topic, [partition]));
  if (node === undefined) {
    const has = partitionsOf(kafka, topic).join(", ");
    throw new UserpipeError("topic-missing", `"${topic}" has no partition ${partition}`, `It has ${has}`);
  }
  const from = offset < 0n ? 0n : offset;
  try {
    const limits = { maxBytes, maxWaitMs };
    const fetchRun = async () => {
      const [records] = await fetchRecords(kafka, node, topic, [{ partition, offset: from, maxBytes }], limits);
      // One run is as much as fits; without messages it is what was passed over.
      const { value } = runs(records, from, { maxMessages: Infinity, maxBytes }).next();
      return { run: value ?? { messages: [], next: from }, end: records.end };
    };
    let fetched = await fetchRun();
    if (fetched.run.doubtful) fetched = await fetchRun();
    const { run: { messages, next }, end } = fetched;
    return { messages, next, end };
  } catch (error) {
    if (!isOutOfRange(error)) throw error;
    const [{ start, end }] = await rangesOf(kafka, topic, [partition]);
    if (from >= start) return { messages: [], next: from, end };
    return await readPartition(kafka, topic, partition, start, { maxBytes, maxWaitMs });
  }
}

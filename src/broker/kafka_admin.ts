/** Makes topics on Kafka, and says what is there. */
import type { Admin } from "kafkajs";
import { sleep } from "../backoff.ts";
import type { Change, Check } from "../errors.ts";
import { UserpipeError } from "../errors.ts";
import { durationText, type TopicSpec } from "./broker.ts";
import { refused, rootOf, translate, typeOf } from "./kafka_errors.ts";
import { type ClusterOptions, type KafkaCluster, newAdmin } from "./kafka_internals.ts";
import { type KafkaRequests, partitionsOf, rangesOf } from "./kafka_requests.ts";

/** A topic that was made is known to every broker within this time. */
const KNOWN_MS = 10_000;

/** Makes the topics that are not there. @throws {UserpipeError} */
export async function initTopics(
  requests: KafkaRequests,
  options: ClusterOptions,
  topics: readonly TopicSpec[],
  dryRun: boolean,
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const spec of topics) {
    const there = await partitionsIfThere(requests, spec.name);
    if (there === null && !dryRun) await make(requests, options, spec);
    changes.push({
      what: `topic "${spec.name}"`,
      state: there !== null ? "exists" : dryRun ? "would-make" : "made",
      statement: statementOf(spec, options.brokers),
      detail: there === null ? detailOf(spec) : `${count(there, "partition")}`,
    });
  }
  return changes;
}

/** The number of brokers, or what is wrong. */
export async function checkKafka(requests: KafkaRequests, options: ClusterOptions): Promise<Check> {
  const component = `Kafka at ${options.brokers.join(", ")}`;
  try {
    const { brokers } = await requests.with({}, (cluster) => newAdmin(cluster, options).describeCluster());
    return { component, ok: true, detail: count(brokers.length, "broker") };
  } catch (error) {
    if (error instanceof UserpipeError) return { component, ok: false, error };
    throw error;
  }
}

/** The group's positions in a topic. @throws {UserpipeError} */
export function committedOffsets(
  requests: KafkaRequests,
  options: ClusterOptions,
  topic: string,
  group: string,
): Promise<Map<number, bigint>> {
  return requests.with({ topic, group }, async (cluster) => {
    const [answer] = await newAdmin(cluster, options).fetchOffsets({ groupId: group, topics: [topic] });
    const positions = answer.partitions.map(({ partition, offset }) => [partition, BigInt(offset)] as const);
    return new Map(positions.filter(([, offset]) => offset >= 0n).sort(([a], [b]) => a - b));
  });
}

async function partitionsIfThere(requests: KafkaRequests, topic: string): Promise<number | null> {
  try {
    // Asked for its offsets, so that its leaders are known to be there.
    return await requests.with({ topic }, async (cluster) => {
      return (await rangesOf(cluster, topic, partitionsOf(cluster, topic))).length;
    });
  } catch (error) {
    if (error instanceof UserpipeError && error.code === "topic-missing") return null;
    throw error;
  }
}

async function make(requests: KafkaRequests, options: ClusterOptions, spec: TopicSpec): Promise<void> {
  await requests.with({ topic: "" }, (cluster) => create(cluster, options, spec));
  for (const end = Date.now() + KNOWN_MS; await partitionsIfThere(requests, spec.name) === null; await sleep(20)) {
    if (Date.now() < end) continue;
    const message = `Kafka made the topic "${spec.name}" and does not know it ${KNOWN_MS / 1000} s later`;
    throw new UserpipeError("broker-unreachable", message, "Look at Kafka's own log");
  }
}

async function create(cluster: KafkaCluster, options: ClusterOptions, spec: TopicSpec): Promise<void> {
  const admin = newAdmin(cluster, options);
  const about = { brokers: options.brokers.join(", "), topic: spec.name };
  try {
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{
        topic: spec.name,
        numPartitions: spec.partitions,
        replicationFactor: spec.replication,
        configEntries: configOf(spec),
      }],
    });
  } catch (error) {
    switch (typeOf(error)) {
      case "INVALID_REPLICATION_FACTOR":
        throw await tooManyCopies(admin, spec, error);
      case "POLICY_VIOLATION":
      case "INVALID_CONFIG":
      case "INVALID_PARTITIONS":
        throw refused(error, about, rootOf(error).message, "Look at the flags of init, and at Kafka's own log");
    }
    throw translate(error, about);
  }
}

async function tooManyCopies(admin: Admin, spec: TopicSpec, cause: unknown): Promise<UserpipeError> {
  const { brokers } = await admin.describeCluster();
  return new UserpipeError(
    "broker-refused",
    `Cannot make the topic "${spec.name}" with ${count(spec.replication, "copy", "copies")} of each partition: \
Kafka has ${count(brokers.length, "broker")}`,
    `Ask for at most ${brokers.length} with --replication`,
    { cause },
  );
}

function configOf(spec: TopicSpec): { name: string; value: string }[] {
  const entries: [name: string, value: string | number | undefined][] = [
    ["message.timestamp.type", "CreateTime"],
    ["retention.ms", spec.retentionMs],
    ["retention.bytes", spec.retentionBytes],
    ["max.message.bytes", spec.maxMessageBytes],
  ];
  return entries.flatMap(([name, value]) => value === undefined ? [] : [{ name, value: String(value) }]);
}

function statementOf(spec: TopicSpec, brokers: readonly string[]): string {
  const configs = configOf(spec).map(({ name, value }) => `--config ${name}=${value}`);
  return `kafka-topics.sh --bootstrap-server ${brokers.join(",")} --create --topic ${spec.name} \
--partitions ${spec.partitions} --replication-factor ${spec.replication} ${configs.join(" ")}`;
}

function detailOf(spec: TopicSpec): string {
  const kept = spec.retentionMs < 0 ? "kept for ever" : `kept for ${durationText(spec.retentionMs)}`;
  return `${count(spec.partitions, "partition")}, replication ${spec.replication}, ${kept}`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${Number.isInteger(n) ? n : n.toFixed(2)} ${n === 1 ? one : many}`;
}

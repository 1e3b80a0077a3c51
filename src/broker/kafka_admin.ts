/** Makes topics on Kafka, and says what is there. */
import type { Admin } from "kafkajs";
import { sleep } from "../backoff.ts";
import type { Change, Check } from "../errors.ts";
import { UserpipeError } from "../errors.ts";
import type { TopicSpec } from "./broker.ts";
import { refused, rootOf, translate, typeOf } from "./kafka_errors.ts";
import { positionsOf } from "./kafka_group.ts";
import { type ClusterOptions, newAdmin } from "./kafka_internals.ts";
import { type KafkaRequests, partitionsOf, rangesOf } from "./kafka_requests.ts";
import { topicIdOf } from "./kafka_topic_id.ts";
import type { KafkaCluster } from "./kafka_types.ts";
import { assertTopicNames, differences, type Fact, factsText, type TopicFacts } from "./topic_facts.ts";

/** A topic that was made is known to every broker within this time. */
const KNOWN_MS = 10_000;

/** Makes the topics that are not there. @throws {UserpipeError} */
export async function initTopics(
  requests: KafkaRequests,
  options: ClusterOptions,
  topics: readonly TopicSpec[],
  dryRun: boolean,
): Promise<Change[]> {
  assertTopicNames(topics);
  const changes: Change[] = [];
  for (const spec of topics) {
    const about = { what: `topic "${spec.name}"`, statement: statementOf(spec, options.brokers) };
    const partitions = await partitionsIfThere(requests, spec.name);
    if (partitions !== null) {
      changes.push({ ...about, state: "exists", ...await foundOf(requests, options, spec, partitions) });
      continue;
    }
    if (!dryRun) await make(requests, options, spec);
    const { name, replication, retentionMs, retentionBytes } = spec;
    const facts = { name, partitions: spec.partitions, replication, retentionMs, retentionBytes };
    changes.push({ ...about, state: dryRun ? "would-make" : "made", detail: factsText(facts) });
  }
  return changes;
}

/** What is there, as far as its settings may be seen, and where it is not what was asked for. */
async function foundOf(
  requests: KafkaRequests,
  options: ClusterOptions,
  spec: TopicSpec,
  partitions: number,
): Promise<Pick<Change, "detail" | "differences">> {
  const { name } = spec;
  let found: TopicFacts = { name, partitions };
  let unseen = "";
  try {
    found = {
      ...found,
      ...await requests.with({ topic: name }, (cluster) => settingsOf(newAdmin(cluster, options), name)),
    };
  } catch (error) {
    if (!(error instanceof UserpipeError) || error.code !== "not-authorised") throw error;
    unseen = `; its settings cannot be seen: ${error.message}`;
  }
  const mend = (fact: Fact, asked: number) => mendOf(fact, asked, partitions, name, options.brokers);
  return { detail: `${factsText(found)}${unseen}`, differences: differences(found, spec, mend) };
}

/** By DescribeConfigs. */
const TOPIC_RESOURCE = 2;

async function settingsOf(admin: Admin, name: string): Promise<Omit<TopicFacts, "name" | "partitions">> {
  const { topics: [topic] } = await admin.fetchTopicMetadata({ topics: [name] });
  const configNames = ["retention.ms", "retention.bytes"];
  const { resources: [{ configEntries }] } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: TOPIC_RESOURCE, name, configNames }],
  });
  const [retentionMs, retentionBytes] = configNames.map((wanted) =>
    Number(configEntries.find(({ configName }) => configName === wanted)?.configValue)
  );
  const replication = Math.max(...topic.partitions.map(({ replicas }) => replicas.length));
  return { replication, retentionMs, retentionBytes };
}

/** The command that changes it, in Kafka's own words. */
function mendOf(fact: Fact, asked: number, partitions: number, topic: string, brokers: readonly string[]): string {
  const at = `--bootstrap-server ${brokers.join(",")} --alter`;
  switch (fact) {
    case "partitions":
      return asked > partitions
        ? `kafka-topics.sh ${at} --topic ${topic} --partitions ${asked}`
        : "Kafka takes no partitions away: make another topic with --topic";
    case "replication":
      return "kafka-reassign-partitions.sh changes it";
    case "retentionMs":
    case "retentionBytes": {
      const setting = fact === "retentionMs" ? "retention.ms" : "retention.bytes";
      return `kafka-configs.sh ${at} --entity-type topics --entity-name ${topic} --add-config ${setting}=${asked}`;
    }
  }
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

/** The group's positions in a topic, without those of one before it of the same name. @throws {UserpipeError} */
export function committedOffsets(
  requests: KafkaRequests,
  options: ClusterOptions,
  topic: string,
  group: string,
): Promise<Map<number, bigint>> {
  return requests.with({ topic, group }, async (cluster) => {
    const [answer] = await newAdmin(cluster, options).fetchOffsets({ groupId: group, topics: [topic] });
    const { positions } = positionsOf(answer.partitions, await topicIdOf(cluster, topic));
    return new Map([...positions].sort(([a], [b]) => a - b));
  });
}

/** Of a topic that is to be made where it is not there. */
async function partitionsIfThere(requests: KafkaRequests, topic: string): Promise<number | null> {
  try {
    // Asked for its offsets, so that its leaders are known to be there.
    return await requests.with({ topic, toMake: true }, async (cluster) => {
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
  const about = { brokers: options.brokers.join(", "), topic: spec.name, toMake: true };
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

function count(n: number, one: string, many = `${one}s`): string {
  return `${Number.isInteger(n) ? n : n.toFixed(2)} ${n === 1 ? one : many}`;
}

/** What `doctor` looks at in the topics of a Kafka: whether they are there, their copies, and their settings. */
import { failed, type Finding } from "../errors.ts";
import type { Wanted } from "./broker.ts";
import type { Ask } from "./kafka_check.ts";
import { typeOf } from "./kafka_errors.ts";
import { deadLetterRoom, missing, type WantedTopic, wantedTopics } from "./topic_findings.ts";

/** By DescribeConfigs. */
const TOPIC_RESOURCE = 2;

interface Cluster {
  /** `host:port,host:port`, for commands in hints. */
  bootstrap: string;
  /** Brokers that are up. */
  nodes: number;
}

/** A topic that is there: its settings by name, or what kept us from reading them. */
type Settings = Map<string, string>;

export async function* topicFindings(ask: Ask, wanted: Wanted, cluster: Cluster): AsyncGenerator<Finding> {
  const settings: Settings[] = [];
  let absent = 0;
  for (const topic of wantedTopics(wanted)) {
    const partitions = await partitionsOf(ask, topic);
    if ("state" in partitions) {
      yield partitions;
      if (partitions.detail === missing(topic).detail) absent++;
      continue;
    }
    const found = await settingsOf(ask, topic);
    const known = found instanceof Map;
    yield copies(topic, partitions, known ? found : new Map(), cluster);
    if (!known) yield found;
    else {
      settings.push(found);
      yield* ofSettings(topic, found, cluster);
    }
  }
  if (absent > 0) yield* replication(wanted, cluster);
  if (settings.length === 2) yield room(wanted, settings, cluster);
}

interface Partition {
  partitionId: number;
  replicas: number[];
  /** The replicas that are in step with the leader. */
  isr: number[];
}

async function partitionsOf(ask: Ask, topic: WantedTopic): Promise<Partition[] | Finding> {
  try {
    const { topicMetadata } = await ask({ topic: topic.name }, (node) => node.metadata([topic.name]));
    return topicMetadata[0].partitionMetadata;
  } catch (error) {
    return typeOf(error) === "UNKNOWN_TOPIC_OR_PARTITION" ? missing(topic) : failed(topic.what, error);
  }
}

async function settingsOf(ask: Ask, { name, what }: WantedTopic): Promise<Settings | Finding> {
  try {
    const resources = [{ type: TOPIC_RESOURCE, name }];
    const answer = await ask({ topic: name }, (node) => node.describeConfigs({ resources }));
    const entries = answer.resources.flatMap(({ configEntries }) => configEntries);
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue ?? ""]));
  } catch (error) {
    const { detail } = failed(what, error);
    const hint = "Let its user describe the topic's settings, or look at max.message.bytes and message.timestamp.type";
    return {
      what: `settings of the ${what}`,
      state: "warn",
      detail: `Cannot see the settings of the ${what}: ${detail}`,
      hint,
    };
  }
}

function copies(topic: WantedTopic, partitions: readonly Partition[], settings: Settings, cluster: Cluster): Finding {
  const { what } = topic;
  const asked = Math.max(...partitions.map(({ replicas }) => replicas.length));
  const fewest = Math.min(...partitions.map(({ isr }) => isr.length));
  const least = Number(settings.get("min.insync.replicas") ?? 1);
  const has = `${count(partitions.length, "partition")}, replication ${asked}`;
  if (fewest < least) {
    return {
      what,
      state: "fail",
      detail: `The ${what} takes no records: ${count(fewest, "copy", "copies")} of a partition in step, and its \
min.insync.replicas is ${least}`,
      hint: asked < least
        ? mendSetting(topic, cluster, "min.insync.replicas", asked)
        : "Start the brokers that are down, and look at their logs",
    };
  }
  const behind = partitions.filter(({ replicas, isr }) => isr.length < replicas.length).length;
  if (behind === 0) return { what, state: "ok", detail: has };
  return {
    what,
    state: "warn",
    detail: `The ${what} has ${has}, of which ${behind} lack copies: Kafka has ${count(cluster.nodes, "broker")} up`,
    hint: "Start the brokers that are down; where there are no more, lower the replication with " +
      "kafka-reassign-partitions.sh",
  };
}

function* ofSettings(topic: WantedTopic, settings: Settings, cluster: Cluster): Generator<Finding> {
  const { what, flag } = topic;
  if (settings.get("message.timestamp.type") === "LogAppendTime") {
    // I4: the write time is the record's time, and that of a copy sent again would be a later one.
    yield {
      what: `time of the ${what}`,
      state: "warn",
      detail: `Kafka sets the time of the records of the ${what} itself (message.timestamp.type is LogAppendTime): a \
record that is sent again wins over a newer one`,
      hint: mendSetting(topic, cluster, "message.timestamp.type", "CreateTime"),
    };
  }
  const retention = Number(settings.get("retention.ms") ?? -1);
  if (flag === "--dead-letter-topic" && retention >= 0) {
    yield {
      what: `retention of the ${what}`,
      state: "warn",
      detail: `The ${what} drops dead letters after ${(retention / 86_400_000).toFixed(1)} days`,
      hint: mendSetting(topic, cluster, "retention.ms", -1),
    };
  }
}

/** What `init` would be refused. */
function* replication({ replication }: Wanted, { nodes }: Cluster): Generator<Finding> {
  if (replication <= nodes) return;
  yield {
    what: "replication",
    state: "fail",
    detail: `init would ask for ${replication} copies of each partition, and Kafka has ${count(nodes, "broker")}`,
    hint: `Start more brokers, or ask for at most ${nodes} with --replication`,
  };
}

function room(wanted: Wanted, settings: readonly Settings[], cluster: Cluster): Finding {
  const [topic, deadLetterTopic] = settings.map((each) => Number(each.get("max.message.bytes")));
  const [, mended] = wantedTopics(wanted);
  return deadLetterRoom(
    wanted,
    { topic, deadLetterTopic },
    (bytes) => mendSetting(mended, cluster, "max.message.bytes", bytes),
  );
}

function mendSetting({ name }: WantedTopic, { bootstrap }: Cluster, setting: string, value: string | number): string {
  return `kafka-configs.sh --bootstrap-server ${bootstrap} --alter --entity-type topics --entity-name ${name} \
--add-config ${setting}=${value}`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

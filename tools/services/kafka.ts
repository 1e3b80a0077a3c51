/** Starts a Kafka broker from Maven Central's jars: KRaft, one node that is broker and controller. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { classPath, java } from "./java.ts";
import { freePort, kafkaAnswers } from "./ports.ts";
import { run } from "./process.ts";
import { type JavaOptions, markOf, type Service, ServiceError, startProcess } from "./service.ts";
import { JARS, KAFKA_VERSION } from "./where.ts";

export interface KafkaOptions extends JavaOptions {
  /** By default 127.0.0.1. */
  address?: string;
  /** Broker settings over those of a single node for tests, for example `{ "log.retention.check.interval.ms": "500" }`. */
  properties?: Record<string, string>;
  /** Listeners beside the plain one, by name: their port and protocol (`SASL_SSL`). */
  listeners?: Record<string, { port: number; protocol: string }>;
  /** Users by SCRAM, made with the data folder: `SCRAM-SHA-512=[name=a,password=b]`. */
  scram?: string[];
  /** Another version than the pinned one. */
  version?: string;
  say?: (line: string) => void;
}

const SIMPLE_LOGGER = "-Dorg.slf4j.simpleLogger";

/**
 * Starts Kafka and returns once it serves requests; a folder that has data goes on with them.
 * @throws {ServiceError} where it cannot be started.
 */
export async function startKafka(options: KafkaOptions): Promise<Service> {
  const { address = "127.0.0.1", port, version = KAFKA_VERSION, say = () => {} } = options;
  const dir = resolve(options.dir);
  const program = await java();
  const jars = await kafkaJars(version, say);
  mkdirSync(dir, { recursive: true });
  const settings = join(dir, "server.properties");
  const properties = { ...propertiesOf(dir, address, port, options.listeners), ...options.properties };
  writeFileSync(settings, Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(""));
  await format(program, jars, settings, properties["log.dirs"], options.scram);
  return await startProcess({
    ...options,
    name: "kafka",
    dir,
    address,
    engine: "java",
    command: program,
    args: [
      `-D${markOf(dir)}`,
      "-Xms256m",
      "-Xmx512m",
      `${SIMPLE_LOGGER}.defaultLogLevel=info`,
      `${SIMPLE_LOGGER}.showDateTime=true`,
      `${SIMPLE_LOGGER}.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS`,
      ...options.jvm ?? [],
      "-cp",
      jars,
      "kafka.Kafka",
      settings,
    ],
    answers: options.answers ?? kafkaAnswers,
  });
}

/** Their class path, fetched where they are not there yet. @throws {ServiceError} where they cannot be */
export function kafkaJars(version: string, say: (line: string) => void): Promise<string> {
  const coordinates = [`org.apache.kafka:kafka_2.13:${version}`, "org.slf4j:slf4j-simple:1.7.36"] as const;
  return classPath(join(JARS, `kafka-${version}`), coordinates, say);
}

function propertiesOf(
  dir: string,
  address: string,
  port: number,
  others: NonNullable<KafkaOptions["listeners"]> = {},
): Record<string, string> {
  const taken = Object.values(others).map((other) => other.port);
  const controller = freePort(address, Math.max(port, ...taken) + 1);
  const listeners = [
    `PLAINTEXT://${address}:${port}`,
    ...Object.entries(others).map(([name, other]) => `${name}://${address}:${other.port}`),
  ].join(",");
  const protocols = Object.entries(others).map(([name, { protocol }]) => `,${name}:${protocol}`).join("");
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@${address}:${controller}`,
    "controller.listener.names": "CONTROLLER",
    "listeners": `${listeners},CONTROLLER://${address}:${controller}`,
    "advertised.listeners": listeners,
    "listener.security.protocol.map": `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${protocols}`,
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": join(dir, "data"),
    "auto.create.topics.enable": "false",
    // An empty group would otherwise wait 3 s for more members.
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
  };
}

/** Gives an empty data folder its cluster id, as KRaft wants it before the first start. */
async function format(program: string, jars: string, settings: string, data: string, scram: string[] = []) {
  if (existsSync(join(data, "meta.properties"))) return;
  const clusterId = crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true });
  const tool = ["-cp", jars, "kafka.tools.StorageTool", "format", `--cluster-id=${clusterId}`, "--config", settings];
  tool.push(...scram.flatMap((user) => ["--add-scram", user]));
  const answer = await run(program, tool);
  if (answer?.code === 0) return;
  throw new ServiceError(
    `Kafka could not prepare its data folder "${data}"`,
    `Its storage tool said:\n${answer?.stdout}${answer?.stderr}`,
  );
}

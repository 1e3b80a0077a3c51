/**
 * What `doctor` looks at in Kafka: the way to it, then the topics and the group. Everything is asked over the first
 * connection, so that much can still be told where Kafka sends its clients to an address that they cannot reach.
 * Its clock is not compared: no answer of Kafka tells its time, unless a record is written for it.
 */
import { sleep } from "../backoff.ts";
import { failed, type Finding, UserpipeError } from "../errors.ts";
import type { Wanted } from "./broker.ts";
import { START, translate, typeOf } from "./kafka_errors.ts";
import type { ClusterOptions } from "./kafka_internals.ts";
import { type Security, type Unreached, whyNotReached } from "./kafka_reach.ts";
import { KafkaRequests } from "./kafka_requests.ts";
import { topicFindings } from "./kafka_topic_check.ts";

/** For a connection, and for an answer. */
const LIMIT_MS = 3_000;
/** A Kafka that was just started makes its topic of positions when it is first asked for a group. */
const COORDINATOR_MS = 3_000;
const COORDINATOR_RETRY_MS = 250;

/** The part of kafkajs's node that is asked, by Kafka's requests of these names. */
export interface CheckedNode {
  metadata(topics: string[]): Promise<{ brokers: KafkaAddress[]; topicMetadata: TopicMetadata[] }>;
  describeConfigs(request: { resources: { type: number; name: string }[] }): Promise<TopicConfigs>;
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<{ coordinator: KafkaAddress }>;
}

interface KafkaAddress {
  nodeId: number;
  host: string;
  port: number;
}

interface TopicMetadata {
  topic: string;
  partitionMetadata: { partitionId: number; replicas: number[]; isr: number[] }[];
}

interface TopicConfigs {
  resources: { configEntries: { configName: string; configValue: string | null }[] }[];
}

/** Asks the first node; its errors are of what is asked for. @throws {UserpipeError} */
export type Ask = <T>(about: { topic?: string; group?: string }, work: (node: CheckedNode) => Promise<T>) => Promise<T>;

export async function* diagnoseKafka(
  { brokers, clientId, tls, sasl }: Pick<ClusterOptions, "brokers" | "clientId" | "tls" | "sasl">,
  wanted: Wanted,
): AsyncGenerator<Finding> {
  const whyNot = await Promise.all(brokers.map((address) => whyNotReached(address, { tls, sasl }, LIMIT_MS)));
  const answering = brokers.filter((_, index) => whyNot[index] === undefined);
  const silent = brokers.flatMap((address, index) => {
    const unreached = whyNot[index];
    return unreached === undefined ? [] : { address, ...unreached };
  });
  if (answering.length === 0) return yield noneAnswers(silent);
  const requests = new KafkaRequests({
    brokers: answering,
    clientId,
    connectionTimeoutMs: LIMIT_MS,
    requestTimeoutMs: LIMIT_MS,
    retries: answering.length - 1,
    tls,
    sasl,
  });
  const ask: Ask = (about, work) =>
    requests.with({}, async ({ brokerPool }) => {
      try {
        return await work(brokerPool.seedBroker!);
      } catch (error) {
        throw translate(error, { ...about, brokers: brokers.join(", ") });
      }
    });
  try {
    const nodes = await nodesOf(ask).catch((error: unknown) => error);
    if (!Array.isArray(nodes)) return yield noKafka(nodes, answering);
    yield connection(answering, silent, nodes.length);
    yield* advertised(nodes, { tls, sasl });
    yield* topicFindings(ask, wanted, { bootstrap: answering.join(","), nodes: nodes.length });
    yield await coordinator(ask, wanted.group);
  } finally {
    await requests.close();
  }
}

function nodesOf(ask: Ask): Promise<KafkaAddress[]> {
  return ask({}, async (node) => (await node.metadata([])).brokers);
}

/** An address that is not connected to. */
type Silent = Unreached & { address: string };

const listed = (silent: readonly Silent[]) =>
  silent.map(({ address, clause }) => `"${address}"${clause}`).join(", and ");

function noneAnswers(silent: readonly Silent[]): Finding {
  const unknown = silent.some(({ clause }) => clause.includes("resolve"));
  const hint = "Look at --brokers: a name of Docker's network is known to its containers only; from outside name the " +
    "published port, for example localhost:9092";
  return {
    what: "connection",
    state: "fail",
    detail: `Cannot reach Kafka at ${listed(silent)}`,
    hint: silent.find(({ refusal }) => refusal)?.refusal?.hint ?? (unknown ? hint : START),
  };
}

/** Something takes connections, and does not answer as a Kafka would. */
function noKafka(error: unknown, answering: readonly string[]): Finding {
  if (!(error instanceof UserpipeError) || error.code !== "broker-unreachable") return failed("connection", error);
  return {
    what: "connection",
    state: "fail",
    detail: `What listens at "${answering.join(", ")}" does not answer as a Kafka does`,
    hint: "Look whether the port is that of a listener for clients (no controller's), and whether Kafka hangs",
  };
}

function connection(answering: readonly string[], silent: readonly Silent[], nodes: number): Finding {
  const detail = `Kafka at ${answering.join(", ")}: ${nodes} broker${nodes === 1 ? "" : "s"}`;
  if (silent.length === 0) return { what: "connection", state: "ok", detail };
  return {
    what: "connection",
    state: "warn",
    detail: `${detail}; cannot reach ${listed(silent)}`,
    hint: silent.find(({ refusal }) => refusal)?.refusal?.hint ?? "Start what is down, or leave it out of --brokers",
  };
}

/** The trap of Kafka in a container: the first connection works, and leads to an address that does not. */
async function* advertised(nodes: readonly KafkaAddress[], security: Security): AsyncGenerator<Finding> {
  const addresses = nodes.map(({ host, port }) => `${host}:${port}`);
  const whyNot = await Promise.all(addresses.map((address) => whyNotReached(address, security, LIMIT_MS)));
  if (whyNot.every((why) => why === undefined)) {
    return yield { what: "advertised addresses", state: "ok", detail: addresses.join(", ") };
  }
  for (const [index, why] of whyNot.entries()) {
    if (why === undefined) continue;
    const { nodeId, port } = nodes[index];
    yield {
      what: `advertised address of broker ${nodeId}`,
      state: "fail",
      detail: `Kafka sends its clients on to "${addresses[index]}" for its broker ${nodeId}${why.clause}`,
      hint: why.refusal?.hint ??
        `Set advertised.listeners of broker ${nodeId} (KAFKA_ADVERTISED_LISTENERS in a container) to an address that ` +
          `can be reached from here, for example PLAINTEXT://localhost:${port}; for clients on both sides of Docker give it ` +
          "two listeners, and name that of this side with --brokers",
    };
  }
}

async function coordinator(ask: Ask, group: string): Promise<Finding> {
  const what = `group "${group}"`;
  for (const end = Date.now() + COORDINATOR_MS;; await sleep(COORDINATOR_RETRY_MS)) {
    try {
      const found = await ask({ group }, (node) => node.findGroupCoordinator({ groupId: group, coordinatorType: 0 }));
      return { what, state: "ok", detail: `coordinated by broker ${found.coordinator.nodeId}` };
    } catch (error) {
      const type = typeOf(error);
      const starts = type === "GROUP_COORDINATOR_NOT_AVAILABLE" || type === "GROUP_LOAD_IN_PROGRESS";
      if (!starts) return failed(what, error);
      if (Date.now() < end) continue;
      return {
        what,
        state: "fail",
        detail: `Kafka has no coordinator for the ${what}, as where it cannot make its topic __consumer_offsets`,
        hint: "Set offsets.topic.replication.factor of the brokers to at most their number; Kafka's own log says more",
      };
    }
  }
}

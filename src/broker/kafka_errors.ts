/** What kafkajs throws, in the words of an operating error, and which of it is no error at all. */
import { UserpipeError } from "../errors.ts";
import { type Refusal, tlsRefusal } from "../tls.ts";
import { whyUnreached } from "../unreached.ts";

/** What was asked of Kafka when it failed. */
export interface About {
  /** `host:port, host:port`, as the settings name them. */
  brokers: string;
  topic?: string;
  group?: string;
  /** Whether the topic is to be made where it is not there. */
  toMake?: boolean;
}

/** The fields of kafkajs's errors that say what happened. `type` is the name in Kafka's protocol. */
interface KafkaError extends Error {
  type?: string;
  code?: string | number;
  broker?: string;
  retriable?: boolean;
}

/** kafkajs wraps an error for each layer of its retries: the innermost says what happened. */
export function rootOf(error: unknown): KafkaError {
  let root = error as KafkaError & { errors?: unknown[] };
  for (let depth = 0; depth < 10; depth++) {
    const inner = root.errors?.[0] ?? root.cause;
    if (!(inner instanceof Error) || root.type !== undefined) break;
    root = inner as typeof root;
  }
  return root;
}

/** The name of the protocol's error, where it is one. */
export const typeOf = (error: unknown): string | undefined => rootOf(error).type;

/**
 * Whether the group only moved on: the member joins again. A commit that is refused so is no error, since
 * whoever owns the partition reads those records again (I4).
 */
export function isRebalance(error: unknown): boolean {
  return REBALANCE.has(typeOf(error) ?? rootOf(error).name);
}

const REBALANCE = new Set([
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "NOT_COORDINATOR_FOR_GROUP",
  "KafkaJSStaleTopicMetadataAssignment",
]);

/** Whether a partition has no leader where it was looked for, and will have one. */
export function isElection(error: unknown): boolean {
  return ELECTION.has(typeOf(error) ?? "");
}

const ELECTION = new Set([
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "KAFKA_STORAGE_ERROR",
  "OFFSET_NOT_AVAILABLE",
  "REPLICA_NOT_AVAILABLE",
]);

/** Whether what is known of the cluster is out of date: a leader moved, a broker or a topic went. */
export function isStale(error: unknown): boolean {
  const { type, name } = rootOf(error);
  return isElection(error) || STALE.has(type ?? name);
}

const STALE = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "KafkaJSBrokerNotFound",
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
]);

/** Names of errors that mean that no answer came. */
const SILENT = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
  "KafkaJSLockTimeout",
  "KafkaJSTimeout",
  "KafkaJSGroupCoordinatorNotFound",
  "KafkaJSNoBrokerAvailableError",
  "KafkaJSMetadataNotLoaded",
  "KafkaJSTopicMetadataNotLoaded",
]);

/** kafkajs says so, as a plain error, of a node that took the connection and did not answer. */
const HALF_CONNECTED = "Broker not connected";

/** kafkajs calls a connection that breaks while it logs in a login that failed. */
const LOST = /clos|not connected|connection error|timed out/i;

export const START = 'Start it with "docker compose up -d", or leave --brokers out to use the embedded broker';

/** Of an address that is another server's. */
const NO_KAFKA = "Name the address of one of Kafka's listeners for clients with --brokers";

/** An operating error with its cause; what is a defect stays as it is. */
export function translate(error: unknown, about: About): unknown {
  if (error instanceof UserpipeError || !(error instanceof Error)) return error;
  const root = rootOf(error);
  const refusal = root.type === undefined ? tlsRefusal(root, "kafka") : undefined;
  if (refusal !== undefined) return keptOut(root.broker ?? about.brokers, refusal, root);
  const login = root.name === "KafkaJSSASLAuthenticationError";
  if (SILENT.has(root.name) || root.message === HALF_CONNECTED || login && LOST.test(root.message)) {
    return unreachable(root, about);
  }
  if (login) return wrongLogin(root, about);
  if (root.type !== undefined) return ofProtocol(root, root.type, about);
  return root.name.startsWith("KafkaJS") ? ofKafka(root, about) : error;
}

function ofProtocol(root: KafkaError, type: string, about: About): UserpipeError {
  switch (type) {
    case "UNKNOWN_TOPIC_OR_PARTITION":
      return topicMissing(about.topic ?? "", root);
    case "MESSAGE_TOO_LARGE":
    case "RECORD_LIST_TOO_LARGE":
      return recordTooLarge(about, undefined, root);
    case "TOPIC_AUTHORIZATION_FAILED":
      return notAuthorised(root, about, `Let its user ${toDo(about)} the topic "${about.topic}"${RIGHTS}`);
    case "GROUP_AUTHORIZATION_FAILED":
      return notAuthorised(root, about, `Let its user read in the group "${about.group}"${RIGHTS}`);
    case "CLUSTER_AUTHORIZATION_FAILED":
      return notAuthorised(root, about, `Let its user make topics (Create), or write idempotently${RIGHTS}`);
    case "SASL_AUTHENTICATION_FAILED":
      return wrongLogin(root, about);
    case "ILLEGAL_SASL_STATE":
    case "UNSUPPORTED_SASL_MECHANISM":
      return notAuthorised(root, about, "Look at --kafka-sasl-mechanism, and at the port: a listener takes some only");
    case "INVALID_TOPIC_EXCEPTION":
      return refused(
        root,
        about,
        `"${about.topic}" is not a name that a topic may have`,
        "Use letters, digits, . _ and -",
      );
    case "INCONSISTENT_GROUP_PROTOCOL":
      return refused(
        root,
        about,
        `the group "${about.group}" is in use by another kind of consumer`,
        "Stop the other consumer, or name another --group",
      );
  }
  return ofKafka(root, about);
}

function toDo({ toMake }: About): string {
  return toMake ? "make and look at (Create, Describe, DescribeConfigs)" : "read and write";
}

/** kafkajs says of each error whether trying again can help. */
function ofKafka(root: KafkaError, about: About): UserpipeError {
  if (!root.retriable) return refused(root, about, root.message);
  const message = `Kafka at "${about.brokers}" cannot do it now: ${root.message}`;
  const hint = "Wait until it is ready; its own log says more";
  return new UserpipeError("broker-unreachable", message, hint, { cause: root });
}

function unreachable(root: KafkaError, about: About): UserpipeError {
  const { broker } = root;
  if (broker !== undefined && !about.brokers.split(",").some((each) => each.trim() === broker)) {
    return new UserpipeError(
      "broker-unreachable",
      `Kafka at "${about.brokers}" sends its clients to "${broker}", which does not answer${whyUnreached(root)}`,
      "Set its advertised.listeners to an address that can be reached from here",
      { cause: root },
    );
  }
  const message = `Cannot reach Kafka at "${about.brokers}"${whyUnreached(root)}`;
  const hint = /does not answer as a Kafka/.test(root.message) ? NO_KAFKA : START;
  return new UserpipeError("broker-unreachable", message, hint, { cause: root });
}

function wrongLogin(root: KafkaError, { brokers }: About): UserpipeError {
  const message = `Kafka at "${brokers}" does not take the user and password: ${root.message}`;
  const hint = "Look at --kafka-sasl-username, and at the password in KAFKA_SASL_PASSWORD or " +
    "--kafka-sasl-password-file";
  return new UserpipeError("not-authorised", message, hint, { cause: root });
}

/** @param address `host:port`, one or several */
export function keptOut(address: string, { why, hint, refused }: Refusal, cause: unknown): UserpipeError {
  const [code, what] = refused
    ? ["not-authorised", `Kafka at "${address}" does not let us in`] as const
    : ["broker-unreachable", `Cannot reach Kafka at "${address}"`] as const;
  return new UserpipeError(code, `${what}: ${why}`, hint, { cause });
}

const RIGHTS = '; which rights each command needs is in the README, "Secure connections"';

function notAuthorised(root: KafkaError, { brokers }: About, hint: string): UserpipeError {
  return new UserpipeError("not-authorised", `Kafka at "${brokers}" does not allow it: ${root.message}`, hint, {
    cause: root,
  });
}

/** Kafka said no, and would say it again. */
export function refused(cause: unknown, about: About, why: string, hint = "Look at Kafka's own log"): UserpipeError {
  return new UserpipeError("broker-refused", `Kafka at "${about.brokers}" refused it: ${why}`, hint, { cause });
}

export function topicMissing(topic: string, cause?: unknown): UserpipeError {
  const hint = 'Make it with "userpipe init", or name another with --topic';
  return new UserpipeError("topic-missing", `There is no topic "${topic}"`, hint, { cause });
}

/** @param bytes its key, value and headers, where one record is meant */
export function recordTooLarge(about: About, bytes: number | undefined, cause: unknown): UserpipeError {
  const what = bytes === undefined ? "A record" : `A record of ${bytes} bytes`;
  const message = `${what} is larger than the topic "${about.topic}" takes`;
  const hint = "Raise max.message.bytes of the topic, or send smaller records";
  return new UserpipeError("record-too-large", message, hint, { cause });
}

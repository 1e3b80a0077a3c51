/** Settings of where things are, of what `init` makes there, and of how any command logs and ends. */
import {
  boolean,
  bytes,
  choice,
  consistency,
  duration,
  integer,
  list,
  name,
  period,
  setting,
  text,
  topicName,
} from "./settings_types.ts";

export const PLACES = {
  pipeline: setting("--pipeline <name>", "USERPIPE_PIPELINE", "which pipeline", text, "users"),
  dataDir: setting(
    "--data-dir <folder>",
    "USERPIPE_DATA_DIR",
    "embedded ends, outbox and the record of runs",
    text,
    "./userpipe-data",
  ),
  brokers: setting(
    "--brokers <list>",
    "KAFKA_BROKERS",
    "Kafka as host:port[,host:port]; left out: the embedded broker",
    list(9092, "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
  ),
  topic: setting("--topic <name>", "KAFKA_TOPIC", "topic; left out: the pipeline's (users_created)", topicName),
  group: setting("--group <name>", "KAFKA_GROUP", "consumer group", text, "userpipe"),
  deadLetterTopic: setting(
    "--dead-letter-topic <name>",
    "KAFKA_DEAD_LETTER_TOPIC",
    "where refused records go; left out: <topic>.dlq",
    topicName,
  ),
  contactPoints: setting(
    "--contact-points <list>",
    "CASSANDRA_CONTACT_POINTS",
    "Cassandra as host[:port][,host[:port]]; left out: the embedded store",
    list(9042, "CASSANDRA_USERNAME and CASSANDRA_PASSWORD"),
  ),
  dataCenter: setting(
    "--data-center <name>",
    "CASSANDRA_DATA_CENTER",
    "data centre of Cassandra; left out: that of the first contact point",
    text,
  ),
  consistency: setting(
    "--consistency <level>",
    "CASSANDRA_CONSISTENCY",
    "consistency level of Cassandra",
    consistency,
    "LOCAL_QUORUM",
  ),
  keyspace: setting(
    "--keyspace <name>",
    "CASSANDRA_KEYSPACE",
    "keyspace; left out: the pipeline's (spark_streams)",
    name,
  ),
  table: setting("--table <name>", "CASSANDRA_TABLE", "table; left out: the pipeline's (created_users)", name),
};

export const MADE = {
  partitions: setting(
    "--partitions <n>",
    "KAFKA_PARTITIONS",
    "partitions of the topic; left out: 4",
    integer(1, 10_000),
  ),
  replication: setting(
    "--replication <n>",
    "KAFKA_REPLICATION",
    "copies of each partition; left out: 1",
    integer(1, 100),
  ),
  retention: setting(
    "--retention <time>",
    "KAFKA_RETENTION",
    "how long the topic keeps a message, or forever; left out: 7d",
    period,
  ),
  retentionBytes: setting(
    "--retention-bytes <size>",
    "KAFKA_RETENTION_BYTES",
    "how much a partition keeps; left out: without limit on Kafka, 1GiB embedded",
    bytes,
  ),
  replicationFactor: setting(
    "--replication-factor <n>",
    "CASSANDRA_REPLICATION_FACTOR",
    "copies of a row; left out: the smaller of 3 and the number of nodes",
    integer(1, 100),
  ),
  migrate: setting("--migrate", undefined, "add the columns that an existing table lacks", boolean, false),
};

export const LOGS = {
  logLevel: setting(
    "--log-level <level>",
    "USERPIPE_LOG_LEVEL",
    "debug, info, warning or error",
    choice("debug", "info", "warning", "error"),
    "info",
  ),
  logFormat: setting(
    "--log-format <format>",
    "USERPIPE_LOG_FORMAT",
    "pretty or json; left out: pretty on a terminal, json elsewhere",
    choice("pretty", "json"),
  ),
  quiet: setting("--quiet", undefined, "only results and errors", boolean, false),
  stopTimeout: setting("--stop-timeout <time>", "USERPIPE_STOP_TIMEOUT", "how long a drain may take", duration, 30_000),
};

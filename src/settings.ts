/**
 * Every setting once: its flag, its environment variable, its default and its check.
 * A flag wins over the environment, and that over the default; what is wrong is told in one error.
 */
import { UserpipeError } from "./errors.ts";
import { assertFitting } from "./settings_fit.ts";
import {
  boolean,
  bytes,
  choice,
  consistency,
  countOrShare,
  duration,
  instant,
  integer,
  list,
  name,
  period,
  text,
  topicName,
} from "./settings_types.ts";
import type { Parse } from "./settings_types.ts";

/** One setting. `T` is its value's type; a setting without a default may be absent. */
interface Setting<T, D extends T | undefined> {
  /** Commander's form: `--brokers <list>`. */
  flag: string;
  env?: string;
  default: D;
  help: string;
  parse: Parse<T>;
}

function setting<T>(flag: string, env: string | undefined, help: string, parse: Parse<T>): Setting<T, undefined>;
function setting<T>(flag: string, env: string | undefined, help: string, parse: Parse<T>, value: T): Setting<T, T>;
function setting<T>(flag: string, env: string | undefined, help: string, parse: Parse<T>, value?: T) {
  return { flag, env, help, parse, default: value };
}

export const SETTINGS = {
  // Where things are.
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
    list(9092),
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
    list(9042),
  ),
  dataCenter: setting(
    "--data-center <name>",
    "CASSANDRA_DATA_CENTER",
    "left out: that of the first contact point",
    text,
  ),
  consistency: setting(
    "--consistency <level>",
    "CASSANDRA_CONSISTENCY",
    "consistency level",
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

  // init
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
  dryRun: setting("--dry-run", undefined, "print what would be done and change nothing", boolean, false),

  // ingest
  count: setting("--count <n>", "USERPIPE_COUNT", "users a run fetches; left out: 100", integer(1, 50_000_000)),
  seed: setting("--seed <text>", undefined, "the same seed gives the same users", text),
  page: setting("--page <n>", undefined, "page of the seed to begin with", integer(1, 10_000), 1),
  nat: setting("--nat <list>", "USERPIPE_NAT", "nationalities, for example gb,us", text),
  url: setting("--url <url>", "USERPIPE_URL", "another server with the API's shape", text),
  file: setting("--file <path>", undefined, "recorded responses, an array or lines of JSON; - for stdin", text),
  generate: setting("--generate <n>", undefined, "generate records instead of fetching", integer(1, 1_000_000_000)),
  every: setting(
    "--every <period>",
    "USERPIPE_EVERY",
    "keep running, each whole minutes, hours or days: 1m, 6h, 1d",
    duration,
  ),
  cron: setting("--cron <expression>", "USERPIPE_CRON", "keep running on a cron expression of five fields", text),
  timeZone: setting("--time-zone <zone>", "USERPIPE_TIME_ZONE", "time zone of --cron", text, "UTC"),
  outboxMaxBytes: setting(
    "--outbox-max-bytes <size>",
    "USERPIPE_OUTBOX_MAX_BYTES",
    "what the outbox keeps at the most while Kafka is away",
    bytes,
    1024 ** 3,
  ),

  // stream
  from: setting(
    "--from <where>",
    undefined,
    "committed, earliest, latest or a timestamp; all but the first seek once at each start",
    instant("committed", "earliest", "latest"),
    "committed",
  ),
  untilCaughtUp: setting("--until-caught-up", undefined, "end at what is the topic's end at the start", boolean, false),
  until: setting("--until <timestamp>", undefined, "end at the first record of that time or later", instant()),
  maxRecords: setting("--max-records <n>", undefined, "end after so many records", integer(1, Number.MAX_SAFE_INTEGER)),
  maxRate: setting("--max-rate <n>", "USERPIPE_MAX_RATE", "records a second at the most", integer(1, 10_000_000)),
  ttl: setting("--ttl <time>", "CASSANDRA_TTL", "how long a row lives; left out: for ever", duration),
  maxInFlightBytes: setting(
    "--max-in-flight-bytes <size>",
    "USERPIPE_MAX_IN_FLIGHT_BYTES",
    "records read and not yet stored, at the most",
    bytes,
    16 * 1024 * 1024,
  ),
  batchBytes: setting(
    "--batch-bytes <size>",
    "CASSANDRA_BATCH_BYTES",
    "size of a batch for Cassandra; left out: what it takes without a warning in its log",
    bytes,
  ),
  workers: setting("--workers <n>", "USERPIPE_WORKERS", "threads that share the partitions", integer(1, 64), 1),
  maxRefused: setting(
    "--max-refused <n>",
    "USERPIPE_MAX_REFUSED",
    "end with exit code 4 past so many refused records, or past a share of 1,000 or more: 50, 5%",
    countOrShare,
  ),

  // query, peek and dead-letters
  format: setting(
    "--format <format>",
    undefined,
    "table, json, ndjson or csv; left out: table on a terminal, ndjson elsewhere",
    choice("table", "json", "ndjson", "csv"),
  ),
  cql: setting("--cql <select>", undefined, "any one SELECT", text),
  max: setting(
    "--max <n>",
    undefined,
    "how many to show",
    integer(1, 1_000_000_000),
  ),
  fromBeginning: setting("--from-beginning", undefined, "the oldest messages instead of the newest", boolean, false),
  follow: setting("--follow", undefined, "go on with what arrives", boolean, false),
  partition: setting("--partition <n>", undefined, "one partition only", integer(0, 1_000_000)),
  offset: setting("--offset <n>", undefined, "from this offset of --partition", integer(0, Number.MAX_SAFE_INTEGER)),
  at: setting("--at <time>", undefined, "from the first message of that time or later", instant()),
  reason: setting("--reason <text>", undefined, "only dead letters with this text in their reason", text),
  key: setting("--key <key>", undefined, "only messages of this key", text),

  // verify
  verifyFrom: setting(
    "--from <where>",
    undefined,
    "earliest, or the first record of that time or later",
    instant("earliest"),
    "earliest",
  ),
  verifyUntil: setting(
    "--until <where>",
    undefined,
    "end (the topic's, as it is now), committed (where --group stands), or the first record of that time or later",
    instant("end", "committed"),
    "end",
  ),
  verdictFormat: setting(
    "--format <format>",
    undefined,
    "table or json (one object); left out: table on a terminal, json elsewhere",
    choice("table", "json"),
  ),
};

type Definitions = typeof SETTINGS;
export type SettingName = keyof Definitions;
/** The values of all settings; one without a default may be undefined. */
export type Settings = {
  [K in SettingName]: Definitions[K] extends Setting<infer T, infer D> ? (D extends undefined ? T | undefined : T)
    : never;
};

/** What the command line gave: texts, and `true` for a flag without a value. By setting name. */
export type Flags = Partial<Record<string, string | boolean>>;

/**
 * Resolves the named settings; all others have their default.
 * @throws {UserpipeError} `settings`, naming everything that is wrong, or flags that do not go together
 */
export function resolveSettings(
  names: readonly SettingName[],
  flags: Flags,
  env: (name: string) => string | undefined,
): Settings {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, { default: value }] of Object.entries(SETTINGS)) values[key] = value;
  for (const key of names) {
    const { flag, env: variable, parse } = SETTINGS[key] as Setting<unknown, unknown>;
    const fromFlag = flags[key];
    const fromEnv = variable === undefined ? undefined : env(variable) || undefined;
    const given = fromFlag ?? fromEnv;
    if (given === undefined) continue;
    const parsed = parse(String(given));
    const origin = fromFlag === undefined ? variable! : nameOf(flag);
    if (parsed.ok) values[key] = parsed.value;
    else problems.push(`${origin} is "${given}": ${parsed.reason}`);
  }
  if (problems.length > 0) {
    throw new UserpipeError(
      "settings",
      problems.length === 1 ? problems[0]! : `${problems.length} settings are wrong:\n  ${problems.join("\n  ")}`,
      'Run the command with "--help" to see what each takes',
    );
  }
  assertFitting((name) => flags[name] === undefined ? undefined : nameOf(SETTINGS[name].flag));
  return values as Settings;
}

/** `--brokers` of `--brokers <list>`. */
function nameOf(flag: string): string {
  return flag.split(" ")[0]!;
}

/** What a command of the command line is: its words, its settings, and what it does. */
import type { LogOptions } from "../log.ts";
import type { Flags, SettingName, Settings } from "../settings.ts";
import type { FlagOf } from "../settings_fit.ts";
import { CASSANDRA_SECURITY, KAFKA_SECURITY } from "../settings_secure.ts";
import type { Terminal } from "./terminal.ts";

export interface Context {
  settings: Settings;
  /** What the command line gave. */
  flags: Flags;
  flagOf: FlagOf;
  /** Positional arguments. */
  args: string[];
  terminal: Terminal;
  log: Omit<LogOptions, "beforeWrite">;
  /** The first signal: drain and end. */
  stop: AbortSignal;
  /** The drain's limit has passed: give up what is under way. */
  abort: AbortSignal;
  /** The exit code of what the first signal cut short, although it drained. */
  cutCode: () => number;
}

export interface Command {
  name: string;
  alias?: string;
  summary: string;
  /** Commander's form: `[question] [arguments...]`. */
  arguments?: string;
  /** What its first argument may be, where these are few words. */
  words?: readonly string[];
  /** What comes behind some of them: a column of the table, or the id of a run. */
  behind?: Readonly<Record<string, "column" | "run">>;
  /** Paragraphs below the summary, with an empty line between; other line ends mean nothing. */
  details?: string;
  /** What its first argument may be, or what it shows, and what each of them is. */
  list?: { title: string; terms: Record<string, string> };
  examples: readonly string[];
  settings: readonly SettingName[];
  /** What the help says of a setting in place of its own words. */
  help?: Partial<Record<SettingName, string>>;
  /** Settings that are refused with a reason, which is better than an unknown flag; the help does not list them. */
  refused?: readonly SettingName[];
  /** Settings that its help does not list. */
  unlisted?: readonly SettingName[];
  /** A setting that is wrong does not end it: it says itself what is. */
  lenient?: boolean;
  /** A signal ends it at once, also while the thread is busy: it has nothing to drain. */
  undrained?: boolean;
  /** It publishes and stores nothing: a signal ends what it shows, and that is all that is said. */
  onlyShows?: boolean;
  /** Its exit code is an answer too, which a reader that leaves early does not cut short. */
  answers?: boolean;
  /** Loads the code: `--help` and `--version` need none of it. @returns the exit code */
  load: () => Promise<(context: Context) => Promise<number>>;
}

/** Settings of groups of commands. */
export const COMMON = ["dataDir", "logLevel", "logFormat", "quiet"] as const satisfies SettingName[];
/** Where Kafka is, and how it is connected to. */
export const KAFKA = ["brokers", ...namesIn(KAFKA_SECURITY)] as const satisfies SettingName[];
export const BROKER = [...KAFKA, "topic"] as const satisfies SettingName[];
export const STORE = [
  "contactPoints",
  ...namesIn(CASSANDRA_SECURITY),
  "dataCenter",
  "consistency",
  "keyspace",
  "table",
] as const satisfies SettingName[];
/** Where the schema of the topic's values is on record. */
export const REGISTRY = [
  "schemaRegistryUrl",
  "schemaRegistryCaFile",
  "schemaRegistryUsername",
  "schemaRegistryPasswordFile",
] as const satisfies SettingName[];
/** Where the topic is, and the schema of its values. */
export const TOPIC = [...BROKER, ...REGISTRY] as const;
/** Where the page is shown, and who may see it. */
export const DASHBOARD = [
  "dashboard",
  "dashboardReadOnly",
  "dashboardPasswordFile",
  "dashboardTokenFile",
  "tlsCert",
  "tlsKey",
] as const satisfies SettingName[];
/** Where the record of runs is. */
export const RECORD = ["runs", "runsPasswordFile"] as const satisfies SettingName[];
export const INIT = [
  "partitions",
  "replication",
  "retention",
  "retentionBytes",
  "replicationFactor",
  "migrate",
] as const satisfies SettingName[];
export const INGEST = [
  "count",
  "seed",
  "page",
  "nat",
  "url",
  "file",
  "generate",
  "every",
  "cron",
  "timeZone",
  "catchUp",
  "retries",
  "runTimeout",
  "notify",
  "quota",
  "outboxMaxBytes",
  ...RECORD,
  "runsMaxAge",
  "runsMaxCount",
] as const satisfies SettingName[];
export const STREAM = [
  "group",
  "from",
  "untilCaughtUp",
  "until",
  "maxRecords",
  "maxRate",
  "ttl",
  "maxInFlightBytes",
  "batchBytes",
  "workers",
  "maxRefused",
] as const satisfies SettingName[];

function namesIn<D extends object>(definitions: D): (keyof D)[] {
  return Object.keys(definitions) as (keyof D)[];
}

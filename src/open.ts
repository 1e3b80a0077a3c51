/**
 * Settings to adapters: the composition root, and the only importer of adapters. An adapter is loaded when
 * it is asked for, so that a run on the embedded ends does not pay for the drivers.
 */
import { join } from "node:path";
import type { Broker, Spool } from "./broker/broker.ts";
import { UserpipeError } from "./errors.ts";
import { withoutSecrets, withSecrets } from "./hidden.ts";
import type { Pipeline, Table } from "./pipeline.ts";
import * as PIPELINES from "./pipelines.ts";
import type { Registry } from "./registry/registry.ts";
import type { RunRequest, Runs, RunTarget } from "./runs/runs.ts";
import { cassandraSecurity, kafkaSecurity } from "./secure.ts";
import type { Settings } from "./settings.ts";
import { certificatesOf, secretOf } from "./settings_files.ts";
import type { Source, SourceQuota } from "./source/source.ts";
import type { Store } from "./store/store.ts";

/** What the settings name, with the pipeline's own where they name nothing. */
export interface Names {
  pipeline: Pipeline;
  topic: string;
  deadLetterTopic: string;
  table: Table;
}

/** @throws {UserpipeError} `settings` */
export function namesOf(settings: Settings): Names {
  const pipeline = pipelineNamed(settings.pipeline);
  const topic = settings.topic ?? pipeline.topic;
  if (settings.deadLetterTopic === topic) {
    throw new UserpipeError(
      "settings",
      `The dead-letter topic "${topic}" is the topic itself: what is refused would be read and refused again`,
      "Name another with --dead-letter-topic, or leave it out",
    );
  }
  return {
    pipeline,
    topic,
    deadLetterTopic: settings.deadLetterTopic ?? `${topic}.dlq`,
    table: {
      keyspace: settings.keyspace ?? pipeline.table.keyspace,
      name: settings.table ?? pipeline.table.name,
      columns: pipeline.table.columns,
    },
  };
}

/** @throws {UserpipeError} `settings` where there is no such pipeline */
export function pipelineNamed(name: string): Pipeline {
  const pipelines: Pipeline[] = Object.values(PIPELINES);
  const found = pipelines.find((pipeline) => pipeline.name === name);
  if (found !== undefined) return found;
  const names = pipelines.map((pipeline) => `"${pipeline.name}"`).join(", ");
  throw new UserpipeError("settings", `There is no pipeline "${name}"`, `Name one of ${names} with --pipeline`);
}

/** Whose runs and schedule are this process's: as with the outbox, a data folder goes with one Kafka, whose addresses may change. */
export function targetOf(settings: Settings): RunTarget {
  const { pipeline, topic } = namesOf(settings);
  return { pipeline: pipeline.name, broker: settings.brokers === undefined ? "embedded" : "kafka", topic };
}

/** Kafka where `brokers` names one, else the embedded broker. Nothing is connected yet. */
export async function openBroker(settings: Settings): Promise<Broker> {
  if (settings.brokers !== undefined) {
    const { openKafka } = await import("./broker/kafka.ts");
    const membersFolder = join(settings.dataDir, "kafka-members");
    const security = await kafkaSecurity(settings);
    return openKafka({ brokers: settings.brokers, clientId: "userpipe", membersFolder, ...security });
  }
  const { openSqliteBroker } = await import("./broker/sqlite.ts");
  return openSqliteBroker({ path: join(settings.dataDir, "topics.db") });
}

/** What the outbox in front of a Kafka is kept in; the embedded broker needs none. */
export async function openSpool(settings: Settings): Promise<Spool | undefined> {
  if (settings.brokers === undefined) return undefined;
  const { openSqliteBroker } = await import("./broker/sqlite.ts");
  return openSqliteBroker({ path: join(settings.dataDir, "outbox.db") });
}

/** Cassandra where `contactPoints` names one, else the embedded store. Nothing is connected yet. */
export async function openStore(settings: Settings): Promise<Store> {
  const { table } = namesOf(settings);
  const ttlSeconds = settings.ttl === undefined ? undefined : Math.ceil(settings.ttl / 1000);
  if (settings.contactPoints !== undefined) {
    const { openCassandra } = await import("./store/cassandra.ts");
    const { contactPoints, dataCenter, consistency, batchBytes } = settings;
    const security = await cassandraSecurity(settings);
    return openCassandra({ contactPoints, dataCenter, consistency, table, ttlSeconds, batchBytes, ...security });
  }
  const { openSqliteStore } = await import("./store/sqlite.ts");
  return openSqliteStore({ dataDir: settings.dataDir, table, ttlSeconds });
}

/**
 * The registry of the schema of the topic's values, where one is named; it holds nothing open. Nothing is requested yet.
 * @throws {UserpipeError} `settings`
 */
export async function openRegistry(settings: Settings): Promise<Registry | undefined> {
  const { schemaRegistryUrl: url, schemaRegistryUsername: user } = settings;
  if (url === undefined) return undefined;
  const { pipeline, topic } = namesOf(settings);
  const schema = pipeline.jsonSchema?.();
  if (schema === undefined) {
    const why = `The pipeline "${pipeline.name}" has no JSON Schema for a schema registry`;
    throw new UserpipeError("settings", why, "Leave --schema-registry-url and SCHEMA_REGISTRY_URL out");
  }
  const password = await secretOf("schemaRegistryPasswordFile", settings);
  const ca = await certificatesOf("schemaRegistryCaFile", settings);
  const { openConfluent } = await import("./registry/confluent.ts");
  return openConfluent({ url, user, password, ca, subject: `${topic}-value`, schema });
}

/**
 * Postgres where `runs` names one, else a file of the data folder. Opened before a run's source, so that its seed is on record
 * before the first request (I6).
 * @param options without `make` a file that is not there is not made: its record is as an empty one
 */
export async function openRuns(settings: Settings, { make = true }: { make?: boolean } = {}): Promise<Runs> {
  if (settings.runs !== undefined) {
    const { openPostgresRuns } = await import("./runs/postgres.ts");
    // The one in the address comes before that of the variable.
    const password = settings.runsPasswordFile === undefined ? undefined : await secretOf("runsPasswordFile", settings);
    return openPostgresRuns({ url: settings.runs, password });
  }
  const { openSqliteRuns } = await import("./runs/sqlite.ts");
  return openSqliteRuns(join(settings.dataDir, "runs.db"), { make });
}

/** What a run asks of its source, as it is on record: an address is without its secrets. Which file, the settings say. */
export type Asked = Omit<RunRequest, "source">;

/**
 * What the settings ask for; `seed` is used where they name none.
 * @throws {UserpipeError} `settings` where they name more than one source
 */
export function askedOf(settings: Settings, seed: string): Asked {
  if (settings.file !== undefined && settings.generate !== undefined) {
    throw new UserpipeError("settings", "--file and --generate name two sources", "Leave one out");
  }
  const { nat = null, page, generate, count = 100 } = settings;
  const url = settings.url === undefined ? null : withoutSecrets(settings.url);
  const nothing = { seed: null, page: null, count: null, url: null, nat: null };
  if (settings.file !== undefined) return { ...nothing, sourceKind: "file" };
  const seeded = { ...nothing, seed: settings.seed ?? seed };
  if (generate !== undefined) return { ...seeded, sourceKind: "generated", page, count: generate };
  return { ...seeded, sourceKind: "http", page, count, url, nat };
}

/** @throws {UserpipeError} `settings`, also where the secrets of the address are not known; `input` where a file cannot be read */
export async function openSource(settings: Settings, asked: Asked, quota?: SourceQuota): Promise<Source> {
  const url = asked.url === null ? null : addressOf(asked.url, settings);
  return await openAsRecorded(settings, { ...asked, url }, quota);
}

/**
 * For its name and its limits, where another process makes the run: that one has the secrets of the address, and this one need not.
 * @throws {UserpipeError} `settings`; `input` where a file cannot be read
 */
export async function openAsRecorded(settings: Settings, asked: Asked, quota?: SourceQuota): Promise<Source> {
  const { pipeline } = namesOf(settings);
  const { sourceKind, url, nat } = asked;
  if (sourceKind === "file") {
    if (settings.file === undefined) throw noFile();
    const { openFileSource } = await import("./source/file.ts");
    return openFileSource({ path: settings.file, pipeline });
  }
  const { seed, page, count } = whole(asked);
  if (sourceKind === "generated") {
    const { openGeneratedSource } = await import("./source/generated.ts");
    return openGeneratedSource({ pipeline, seed, count });
  }
  const { openHttpSource } = await import("./source/http.ts");
  return openHttpSource({ pipeline, url: url ?? undefined, seed, page, count, nat: nat ?? undefined, quota });
}

/** @throws {UserpipeError} `settings` where its secrets are not known */
function addressOf(recorded: string, { url }: Settings): string {
  const address = withSecrets(recorded, url);
  if (address !== null) return address;
  throw new UserpipeError(
    "settings",
    `The run asks "${recorded}", and what is hidden of that address is on no record`,
    "Name the whole address with USERPIPE_URL, as at first",
  );
}

function noFile(): UserpipeError {
  return new UserpipeError("settings", "The run reads a file, and none is named", "Name it with --file, as at first");
}

/** @throws {Error} on a defect: what is on record of such a run has both */
function whole({ seed, page, count }: Asked): { seed: string; page: number; count: number } {
  if (seed === null || count === null) throw new Error("A run without seed or count cannot be asked for");
  return { seed, page: page ?? 1, count };
}

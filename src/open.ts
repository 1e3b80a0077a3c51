/**
 * Settings to adapters: the composition root, and the only importer of adapters. An adapter is loaded when
 * it is asked for, so that a run on the embedded ends does not pay for the drivers.
 */
import { join } from "node:path";
import type { Broker, Spool } from "./broker/broker.ts";
import { UserpipeError } from "./errors.ts";
import type { Pipeline, Table } from "./pipeline.ts";
import { pipelineNamed } from "./pipelines.ts";
import type { Runs } from "./runs/runs.ts";
import type { Settings } from "./settings.ts";
import type { Source, SourceRequest } from "./source/source.ts";
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

/** Kafka where `brokers` names one, else the embedded broker. Nothing is connected yet. */
export async function openBroker(settings: Settings): Promise<Broker> {
  if (settings.brokers !== undefined) {
    const { openKafka } = await import("./broker/kafka.ts");
    const membersFolder = join(settings.dataDir, "kafka-members");
    return openKafka({ brokers: settings.brokers, clientId: "userpipe", membersFolder });
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
    return openCassandra({ contactPoints, dataCenter, consistency, table, ttlSeconds, batchBytes });
  }
  const { openSqliteStore } = await import("./store/sqlite.ts");
  return openSqliteStore({ dataDir: settings.dataDir, table, ttlSeconds });
}

/** Opened before a run's source, so that its seed is on record before the first request (I6). */
export async function openRuns(settings: Settings): Promise<Runs> {
  const { openSqliteRuns } = await import("./runs/sqlite.ts");
  return openSqliteRuns(join(settings.dataDir, "runs.db"));
}

/**
 * What the settings ask for; `seed` is used where they name none.
 * @throws {UserpipeError} `settings` where they name more than one source
 */
export function sourceRequest(settings: Settings, seed: string): SourceRequest {
  if (settings.file !== undefined && settings.generate !== undefined) {
    throw new UserpipeError("settings", "--file and --generate name two sources", "Leave one out");
  }
  const kind = settings.file !== undefined ? "file" : settings.generate !== undefined ? "generated" : "http";
  const count = kind === "generated" ? settings.generate! : settings.count ?? 100;
  return { kind, seed: settings.seed ?? seed, page: settings.page, count };
}

export async function openSource(settings: Settings, request: SourceRequest): Promise<Source> {
  const { pipeline } = namesOf(settings);
  const { seed, page, count } = request;
  if (request.kind === "file") {
    const { openFileSource } = await import("./source/file.ts");
    return openFileSource({ path: settings.file!, pipeline });
  }
  if (request.kind === "generated") {
    const { openGeneratedSource } = await import("./source/generated.ts");
    return openGeneratedSource({ pipeline, seed, count });
  }
  const { openHttpSource } = await import("./source/http.ts");
  return openHttpSource({ pipeline, url: settings.url, seed, page, count, nat: settings.nat });
}

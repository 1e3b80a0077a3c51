/** What the page's routes and views are given: settings, ends that are shared by all requests, and what they may do. */
import type { Logger } from "@logtape/logtape";
import type { Broker } from "../broker/broker.ts";
import type { Waiting } from "../ingest/outbox_logs.ts";
import type { Publishing } from "../ingest/publishing.ts";
import type { Names } from "../open.ts";
import type { Registry } from "../registry/registry.ts";
import type { Runs, RunTarget } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import type { Store } from "../store/store.ts";

/**
 * The ends as requests use them: each is opened when it is first asked for, once, and closed with the server; never close
 * one. One that could not be opened is opened again by the next who asks. Looking makes no file.
 * Everything throws {UserpipeError} as `open.ts` does.
 */
export interface DashboardEnds {
  broker(): Promise<Broker>;
  store(): Promise<Store>;
  /** The schema registry, where one is named: it holds nothing open. */
  registry(): Promise<Registry | undefined>;
  /** The record of runs; a file that is not there is as an empty one. */
  runs(): Promise<Runs>;
  /** The record of runs, made where it is not there: for what puts a run on it. */
  runsMade(): Promise<Runs>;
  /** The broker, with the outbox in front of a Kafka: for what publishes. */
  publishing(): Promise<Publishing>;
  /** What waits in the data folder's outbox, and for which topics that the broker does not have; null where there is none. */
  outbox(): Promise<Waiting | null>;
  close(): Promise<void>;
}

export interface ApiDeps {
  settings: Settings;
  /** What the settings name: topic, dead-letter topic, table and pipeline. */
  names: Names;
  /** Whose runs and schedule are shown. */
  target: RunTarget;
  ends: DashboardEnds;
  /** Every request that changes something is refused before it comes to a route. */
  readOnly: boolean;
  /** Of the component `dashboard`. */
  log: Logger;
  /** Aborted when the server stops: ends what is under way. */
  stop: AbortSignal;
}

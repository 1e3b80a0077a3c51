/** How a command makes runs: with the source, the limits and the record that its settings name. */
import { quotaLimits } from "../ingest/quota.ts";
import type { RunOptions } from "../ingest/run.ts";
import { namesOf, openSource } from "../open.ts";
import type { Runs, RunTarget } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import type { Publishing } from "./publishing.ts";

/** As with the outbox, a data folder goes with one Kafka, whose addresses may change. */
export function targetOf(settings: Settings): RunTarget {
  const { pipeline, topic } = namesOf(settings);
  return { pipeline: pipeline.name, broker: settings.brokers === undefined ? "embedded" : "kafka", topic };
}

/** @param own whether whoever stops the process stops runs of their own; otherwise what is cut is fetched again later */
export function runOptions(
  settings: Settings,
  { broker, publisher }: Publishing,
  runs: Runs,
  { own, signal }: { own: boolean; signal: AbortSignal },
): RunOptions {
  const { pipeline, topic, deadLetterTopic } = namesOf(settings);
  const { retries, runTimeout: timeoutMs } = settings;
  return {
    ...{ pipeline, broker, publisher, topic, deadLetterTopic, runs, own, retries, timeoutMs, signal },
    target: targetOf(settings),
    quota: quotaLimits(pipeline, settings.quota),
    openSource: (asked, quota) => openSource(settings, asked, quota),
  };
}

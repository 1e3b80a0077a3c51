/** How a command makes runs: with the source, the limits and the record that its settings name. */
import type { Publishing } from "../ingest/publishing.ts";
import { quotaLimits } from "../ingest/quota.ts";
import type { RunOptions } from "../ingest/run.ts";
import { namesOf, openSource, targetOf } from "../open.ts";
import type { Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";

/** @param own whether whoever stops the process stops runs of their own; otherwise what is cut is fetched again later */
export function runOptions(
  settings: Settings,
  { broker, publisher, schemas }: Publishing,
  runs: Runs,
  { own, signal }: { own: boolean; signal: AbortSignal },
): RunOptions {
  const { pipeline, topic, deadLetterTopic } = namesOf(settings);
  const { retries, runTimeout: timeoutMs } = settings;
  return {
    ...{ pipeline, broker, publisher, schemas, topic, deadLetterTopic, runs, own, retries, timeoutMs, signal },
    target: targetOf(settings),
    quota: quotaLimits(pipeline, settings.quota),
    openSource: (asked, quota) => openSource(settings, asked, quota),
  };
}

/** One run of ingest on record: what it asks of the source is written down before the first request (I6). */
import type { Broker } from "../broker/broker.ts";
import { isTransient, messageOf, UserpipeError } from "../errors.ts";
import type { Pipeline } from "../pipeline.ts";
import type { RunEnd, Runs, RunState } from "../runs/runs.ts";
import type { Source, SourceRequest } from "../source/source.ts";
import { ingest, type IngestCounts, IngestFailed } from "./ingest.ts";
import type { Publisher } from "./publish.ts";

export interface RunOptions {
  pipeline: Pipeline;
  broker: Broker;
  publisher: Publisher;
  topic: string;
  deadLetterTopic: string;
  runs: Runs;
  request: SourceRequest;
  openSource: (request: SourceRequest) => Promise<Source>;
  signal?: AbortSignal;
  onProgress?: (counts: IngestCounts) => void;
}

/** What a run did. `error` is there where it failed; what it published by then is published all the same. */
export interface RunReport extends IngestCounts {
  id: string;
  state: RunState;
  source: string;
  seed: string | null;
  /** How long it took, in ms. */
  ms: number;
  error?: UserpipeError;
}

/** A seed for a run that was given none. */
export function newSeed(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}

/**
 * Makes the run and records how it ended.
 * @throws {UserpipeError} where it could not begin; how it failed after that is in the report
 */
export async function runOnce(options: RunOptions): Promise<RunReport> {
  const { broker, topic, request, openSource } = options;
  const source = await openSource(request);
  try {
    await mayFetch(broker, topic);
    return await recorded(options, source);
  } finally {
    await source.close();
  }
}

/** A topic that is not there is no reason to fetch; a broker that is away is what the outbox is for. */
async function mayFetch(broker: Broker, topic: string): Promise<void> {
  try {
    await broker.partitions(topic);
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
}

async function recorded(options: RunOptions, source: Source): Promise<RunReport> {
  const { runs, request, signal } = options;
  const id = crypto.randomUUID();
  const startedAt = Date.now();
  const seeded = request.kind !== "file";
  const seed = seeded ? request.seed : null;
  const { page, count } = seeded ? request : { page: null, count: null };
  await runs.begin({ id, startedAt, source: source.name, seed, page, count });
  const outcome = await attempt({ ...options, source, run: id });
  const state = stateOf(outcome, signal?.aborted === true && outcome.counts.fetched < (count ?? 0));
  const end: RunEnd = { ...outcome.counts, state, endedAt: Date.now(), error: outcome.error?.message ?? null };
  await runs.end(id, end);
  return { ...outcome.counts, id, state, source: source.name, seed, ms: end.endedAt - startedAt, error: outcome.error };
}

function stateOf({ counts, error }: Outcome, cut: boolean): RunState {
  if (error !== undefined || counts.published + counts.outbox === 0) return "failed";
  if (counts.outbox > 0) return "to outbox";
  return cut ? "cut" : "delivered";
}

interface Outcome {
  counts: IngestCounts;
  error?: UserpipeError;
}

async function attempt(
  options: RunOptions & { source: Source; run: string },
): Promise<Outcome> {
  try {
    return { counts: await ingest(options) };
  } catch (error) {
    if (!(error instanceof IngestFailed)) throw error;
    const { counts, cause } = error;
    if (cause instanceof UserpipeError) return { counts, error: cause };
    throw new Error(`The run ended on a defect: ${messageOf(cause)}`, { cause });
  }
}

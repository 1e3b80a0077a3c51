/** One run of ingest on record: what it asks of the source is written down before the first request (I6). */
import type { Broker } from "../broker/broker.ts";
import { isTransient, messageOf, UserpipeError } from "../errors.ts";
import type { Pipeline } from "../pipeline.ts";
import type { InterruptedRun, Runs, RunStart, RunState } from "../runs/runs.ts";
import type { Source, SourceRequest } from "../source/source.ts";
import { ingest, type IngestCounts, IngestFailed } from "./ingest.ts";
import type { Publisher } from "./publish.ts";

/** What every run of a process goes by. */
export interface RunOptions {
  pipeline: Pipeline;
  broker: Broker;
  publisher: Publisher;
  topic: string;
  deadLetterTopic: string;
  runs: Runs;
  openSource: (request: SourceRequest) => Promise<Source>;
  /** Whether a schedule makes the runs. */
  scheduled: boolean;
  signal?: AbortSignal;
  onProgress?: (counts: IngestCounts) => void;
}

/** What a new run asks for. */
export interface NewRun extends Pick<RunStart, "url" | "nat" | "target"> {
  request: SourceRequest;
}

/** What an attempt did. `error` is there where it failed; what it published by then is published all the same. */
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
 * Makes a run and records how it ended.
 * @throws {UserpipeError} where it could not begin; how it failed after that is in the report
 */
export async function runOnce(options: RunOptions, { request, url, nat, target }: NewRun): Promise<RunReport> {
  const { openSource, runs, scheduled } = options;
  const source = await openSource(request);
  try {
    await mayFetch(options);
    const { kind: sourceKind } = request;
    const seeded = sourceKind !== "file";
    const seed = seeded ? request.seed : null;
    const { page, count } = seeded ? request : { page: null, count: null };
    const kind = scheduled ? "scheduled" : "manual";
    const run = { id: crypto.randomUUID(), startedAt: Date.now(), source: source.name, seed, count };
    await runs.begin({ ...run, kind, sourceKind, page, url, nat, target });
    const ends = { whereStopped: scheduled && sourceKind === "http", whereFailed: false };
    return await recorded(options, run, ends, () => ingest({ ...options, source, run: run.id }));
  } finally {
    await source.close();
  }
}

/**
 * Makes the next attempt of a run that this process has claimed, by its seed, page and count. Where that fails too, the
 * run stays interrupted; the report says why.
 * @param options `openSource` opens the run's own address
 */
export async function runAgain(options: RunOptions, run: InterruptedRun): Promise<RunReport> {
  const { openSource, runs, scheduled } = options;
  const { id, kind, seed, page, count } = run;
  const startedAt = Date.now();
  await runs.again(id, startedAt);
  const ends = { whereStopped: scheduled || kind === "scheduled", whereFailed: true };
  return await recorded(options, { ...run, startedAt }, ends, async () => {
    const source = await openSource({ kind: "http", seed, page, count });
    try {
      await mayFetch(options);
      return await ingest({ ...options, source, run: id });
    } finally {
      await source.close();
    }
  });
}

/** A topic that is not there is no reason to fetch; a broker that is away is what the outbox is for. */
async function mayFetch({ broker, topic }: RunOptions): Promise<void> {
  try {
    await broker.partitions(topic);
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
}

/**
 * Which ends leave a run interrupted, to be fetched again. A schedule that is stopped wants its run whole, later;
 * whoever stops a single run of their own has what they wanted.
 */
interface Interrupting {
  whereStopped: boolean;
  whereFailed: boolean;
}

/** Makes the attempt and records its end, that of a defect too: what ends in one must not be tried for ever. */
async function recorded(
  { runs, signal }: RunOptions,
  { id, source, seed, count, startedAt }: Pick<RunStart, "id" | "source" | "seed" | "count" | "startedAt">,
  interrupting: Interrupting,
  attempt: () => Promise<IngestCounts>,
): Promise<RunReport> {
  const { counts, error } = await outcomeOf(attempt);
  const stopped = signal?.aborted === true && (error !== undefined || counts.fetched < (count ?? 0));
  const state = stateOf({ counts, error }, stopped, interrupting);
  const endedAt = Date.now();
  await runs.end(id, { ...counts, state, endedAt, error: error === undefined ? null : messageOf(error) });
  if (error !== undefined && !(error instanceof UserpipeError)) {
    throw new Error(`The run ended on a defect: ${messageOf(error)}`, { cause: error });
  }
  return { ...counts, id, state, source, seed, ms: endedAt - startedAt, error };
}

/** `error` is a `UserpipeError`, or what a defect threw. */
interface Outcome {
  counts: IngestCounts;
  error?: unknown;
}

async function outcomeOf(attempt: () => Promise<IngestCounts>): Promise<Outcome> {
  try {
    return { counts: await attempt() };
  } catch (error) {
    if (error instanceof IngestFailed) return { counts: error.counts, error: error.cause };
    return { counts: { fetched: 0, published: 0, outbox: 0, refused: 0 }, error };
  }
}

function stateOf({ counts, error }: Outcome, stopped: boolean, { whereStopped, whereFailed }: Interrupting): RunState {
  const defect = error !== undefined && !(error instanceof UserpipeError);
  if (!defect && ((stopped && whereStopped) || (error !== undefined && whereFailed))) return "interrupted";
  if (error !== undefined || counts.published + counts.outbox === 0) return "failed";
  if (counts.outbox > 0) return "to outbox";
  return stopped ? "cut" : "delivered";
}

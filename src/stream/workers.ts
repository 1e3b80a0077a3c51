/**
 * Several workers that share the topic's partitions as members of one group: the stream of a process with more than one
 * core to spare. Each has its own connections; together they keep to the limits of one.
 */
import { UserpipeError } from "../errors.ts";
import { refusedTooMany, tooManyRefused } from "./limits.ts";
import { type StreamStats, together } from "./stats.ts";
import { type SuperviseOptions, superviseStream } from "./supervisor.ts";

/**
 * Resolves with the counts of all workers together, once each has reached its limit or was stopped.
 * @throws {UserpipeError} what ended the first of them that failed, once the others have drained
 */
export async function superviseWorkers(options: SuperviseOptions): Promise<StreamStats> {
  const { settings } = options;
  // A number of records to end at is counted by one.
  const workers = settings.maxRecords === undefined ? settings.workers : 1;
  if (workers === 1) {
    const onStats = (stats: StreamStats) => options.onStats?.({ ...together([stats]), measured: stats.measured });
    return await superviseStream({ ...options, onStats });
  }
  const drain = new AbortController();
  const stop = AbortSignal.any([options.stop, drain.signal]);
  const share = {
    ...settings,
    maxInFlightBytes: Math.ceil(settings.maxInFlightBytes / workers),
    maxRate: settings.maxRate === undefined ? undefined : Math.max(1, Math.round(settings.maxRate / workers)),
  };
  // A count is that of all of them, and is judged here too; one that is past it alone need not wait for that.
  const most = settings.maxRefused !== undefined && "count" in settings.maxRefused ? settings.maxRefused : undefined;
  const latest: (StreamStats | undefined)[] = Array.from({ length: workers });
  let failure: { error: unknown } | undefined;

  const told = (worker: number, stats: StreamStats) => {
    latest[worker] = stats;
    const all = together(latest);
    if (most !== undefined && refusedTooMany(most, all, false)) drain.abort();
    options.onStats?.({ ...all, measured: stats.measured });
  };
  await Promise.all(Array.from({ length: workers }, async (_, worker) => {
    const onStats = (stats: StreamStats) => told(worker, stats);
    try {
      told(worker, await superviseStream({ ...options, settings: share, stop, onStats }));
    } catch (error) {
      failure ??= { error };
      drain.abort();
    }
  }));
  const all = together(latest);
  const past = most !== undefined && refusedTooMany(most, all, true);
  if (past && (failure === undefined || isTooMany(failure.error))) throw tooManyRefused(most, all);
  if (failure !== undefined) throw failure.error;
  return all;
}

/** What one of them ended with says only what that one carried. */
function isTooMany(error: unknown): boolean {
  return error instanceof UserpipeError && error.code === "too-many-refused";
}

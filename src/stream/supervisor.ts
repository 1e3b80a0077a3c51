/**
 * The stream in its worker thread: passes on what that says, and starts it again after a wait where it died of something that
 * waiting may cure.
 */
import { sleep, waitMs } from "../backoff.ts";
import { isTransient } from "../errors.ts";
import { logger, type LogOptions } from "../log.ts";
import type { Settings } from "../settings.ts";
import type { Carried } from "./limits.ts";
import type { StreamStats } from "./stats.ts";
import { inThread, type ThreadOptions } from "./thread.ts";

const log = logger("stream");

export interface SuperviseOptions extends ThreadOptions {
  settings: Settings;
  log: Omit<LogOptions, "beforeWrite">;
  /** Whether a live line is on the terminal, for which the worker's log lines make room. */
  live: boolean;
  onStats?: (stats: StreamStats) => void;
}

const BACKOFF = { firstMs: 500, maxMs: 30_000 };
/** A worker that ran this long and then died starts the waits anew. */
const GOOD_RUN_MS = 60_000;

/**
 * Resolves with the counts of all workers together when the stream has reached its limit or was stopped.
 * @throws {UserpipeError} what waiting cannot cure; where the stream ends by itself, at its start also what it can
 */
export async function superviseStream(options: SuperviseOptions): Promise<StreamStats> {
  const before = { rows: 0, refused: 0, oddKeys: 0 };
  for (let attempt = 1;; attempt++) {
    const started = performance.now();
    let last: StreamStats | undefined;
    try {
      const onStats = (stats: StreamStats) => options.onStats?.(last = added(before, stats));
      const settings = withoutTaken(options.settings, before.rows + before.refused);
      const carried = { rows: before.rows, refused: before.refused };
      return added(before, await runWorker({ ...options, settings, onStats }, carried));
    } catch (error) {
      // Where a stream that ends by itself cannot reach an end at its start, whoever waits for it hears so at once.
      if (!isTransient(error) || last === undefined || options.stop.aborted) throw error;
      if (performance.now() - started > GOOD_RUN_MS) attempt = 1;
      const wait = waitMs(BACKOFF, attempt);
      log.error("{message}. Starting the stream again in {seconds} s", {
        message: error.message,
        seconds: Math.round(wait / 100) / 10,
      });
      options.onStats?.({ ...last, positions: [], waiting: error.toPlain(), measured: undefined });
      Object.assign(before, { rows: last.rows, refused: last.refused, oddKeys: last.oddKeys });
      await sleep(wait, options.stop);
    }
  }
}

/** What is left of `--max-records` for a worker that follows another. */
function withoutTaken(settings: Settings, taken: number): Settings {
  const { maxRecords } = settings;
  return maxRecords === undefined ? settings : { ...settings, maxRecords: Math.max(1, maxRecords - taken) };
}

function added(before: Pick<StreamStats, "rows" | "refused" | "oddKeys">, stats: StreamStats): StreamStats {
  return {
    ...stats,
    rows: before.rows + stats.rows,
    refused: before.refused + stats.refused,
    oddKeys: before.oddKeys + stats.oddKeys,
  };
}

async function runWorker(
  { settings, log, live, onStats, ...options }: SuperviseOptions,
  carried: Carried,
): Promise<StreamStats> {
  return await inThread({ type: "start", settings, log: { ...log, live }, carried }, options, (answer) => {
    if (answer.type === "done") return { result: answer.stats };
    if (answer.type === "stats") onStats?.(answer.stats);
  });
}

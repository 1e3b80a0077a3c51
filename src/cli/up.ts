/** `up`: init, ingest on a schedule and stream, all in one process. */
import { EXIT, UserpipeError } from "../errors.ts";
import { periodSchedule, type Schedule } from "../ingest/schedule.ts";
import type { Runs } from "../runs/runs.ts";
import type { Context } from "./command.ts";
import { withRuns, withStore } from "./ends.ts";
import { keepIngesting, scheduleOf } from "./ingest.ts";
import { initEnds } from "./init.ts";
import { type Publishing, withPublishing } from "./publishing.ts";
import { carry, streamSummary } from "./stream.ts";

const MINUTE_MS = 60_000;

export async function up(given: Context): Promise<number> {
  const context = withSchedule(given);
  const { settings, terminal } = context;
  const { untilCaughtUp, until, maxRecords } = settings;
  if (untilCaughtUp || until !== undefined || maxRecords !== undefined) {
    throw new UserpipeError(
      "usage",
      "--until-caught-up, --until and --max-records end a stream, and up keeps running",
      "Leave them out, or run ingest and stream by themselves",
    );
  }
  const schedule = scheduleOf(settings) ?? periodSchedule(MINUTE_MS);
  return await withPublishing(settings, async (publishing) => {
    await withStore(settings, (store) => initEnds(settings, publishing.broker, store, terminal));
    return await withRuns(settings, (runs) => together(context, schedule, publishing, runs));
  });
}

/** Ingests and streams; either of the two that fails takes the other down with it, drained. */
async function together(context: Context, schedule: Schedule, publishing: Publishing, runs: Runs): Promise<number> {
  const ended = new AbortController();
  const stop = AbortSignal.any([context.stop, ended.signal]);
  const started = performance.now();
  const ingesting = keepIngesting({ ...context, stop }, schedule, publishing, runs).finally(() => ended.abort());
  const carrying = carry({ ...context, stop }).finally(() => ended.abort());
  const [ingested, carried] = await Promise.allSettled([ingesting, carrying]);
  if (carried.status === "rejected") throw carried.reason;
  if (ingested.status === "rejected") throw ingested.reason;
  context.terminal.print(streamSummary(carried.value, performance.now() - started));
  return carried.value.refused > 0 ? EXIT.found : EXIT.done;
}

/** Every minute where nothing else is said. */
function withSchedule(context: Context): Context {
  const { every, cron } = context.settings;
  if (every !== undefined || cron !== undefined) return context;
  return { ...context, settings: { ...context.settings, every: MINUTE_MS } };
}

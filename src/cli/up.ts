/** `up`: init, ingest on a schedule and stream, all in one process. */
import { EXIT, UserpipeError } from "../errors.ts";
import { periodSchedule } from "../ingest/schedule.ts";
import { openBroker, openRuns, openStore } from "../open.ts";
import type { Context } from "./command.ts";
import { keepIngesting, scheduleOf } from "./ingest.ts";
import { initEnds } from "./init.ts";
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
  const broker = await openBroker(settings);
  try {
    const store = await openStore(settings);
    try {
      await initEnds(settings, broker, store, terminal);
    } finally {
      await store.close();
    }
    const runs = await openRuns(settings);
    // Either of the two that fails takes the other down with it, drained.
    const together = new AbortController();
    const stop = AbortSignal.any([context.stop, together.signal]);
    const started = performance.now();
    try {
      const ingesting = keepIngesting({ ...context, stop }, schedule, broker, runs).finally(() => together.abort());
      const carrying = carry({ ...context, stop }).finally(() => together.abort());
      const [ingested, carried] = await Promise.allSettled([ingesting, carrying]);
      if (carried.status === "rejected") throw carried.reason;
      if (ingested.status === "rejected") throw ingested.reason;
      terminal.print(streamSummary(carried.value, performance.now() - started));
      return carried.value.refused > 0 ? EXIT.found : EXIT.done;
    } finally {
      await runs.close();
    }
  } finally {
    await broker.close();
  }
}

/** Every minute where nothing else is said. */
function withSchedule(context: Context): Context {
  const { every, cron } = context.settings;
  if (every !== undefined || cron !== undefined) return context;
  return { ...context, settings: { ...context.settings, every: MINUTE_MS } };
}

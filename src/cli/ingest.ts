/** `ingest`: one run, or runs on a schedule. */
import { EXIT, UserpipeError } from "../errors.ts";
import { newSeed, runOnce, type RunReport } from "../ingest/run.ts";
import { cronSchedule, denoCronTicks, periodSchedule, runSchedule, type Schedule } from "../ingest/schedule.ts";
import { logger } from "../log.ts";
import { namesOf, openRuns, openSource, sourceRequest } from "../open.ts";
import type { Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import type { Context } from "./command.ts";
import { type Publishing, withPublishing } from "./publishing.ts";
import { grouped, seconds, type Terminal } from "./terminal.ts";

const log = logger("ingest");

export async function ingest(context: Context): Promise<number> {
  const { settings, terminal, stop } = context;
  const schedule = scheduleOf(settings);
  sourceRequest(settings, "");
  return await withPublishing(settings, async (publishing) => {
    const runs = await openRuns(settings);
    try {
      if (schedule !== undefined) return await keepIngesting(context, schedule, publishing, runs);
      const report = await makeRun(settings, publishing, runs, terminal, stop);
      terminal.print(summary(report));
      if (report.error !== undefined) throw report.error;
      if (report.fetched === 0 && !stop.aborted) throw nothingFetched(report);
      if (report.outbox > 0) {
        terminal.note("Not delivered yet: the next ingest forwards them, or userpipe outbox flush.");
      }
      return report.refused > 0 ? EXIT.found : EXIT.done;
    } finally {
      await runs.close();
    }
  });
}

/** @throws {UserpipeError} `settings` */
export function scheduleOf({ every, cron, timeZone }: Settings): Schedule | undefined {
  if (every !== undefined && cron !== undefined) {
    throw new UserpipeError("settings", "--every and --cron name two schedules", "Leave one out");
  }
  if (every !== undefined) return periodSchedule(every);
  return cron === undefined ? undefined : cronSchedule(cron, timeZone);
}

/** Makes one run with the source that the settings name, showing how it goes. */
export function makeRun(
  settings: Settings,
  { broker, publisher }: Publishing,
  runs: Runs,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<RunReport> {
  const { pipeline, topic, deadLetterTopic } = namesOf(settings);
  const request = sourceRequest(settings, newSeed());
  const of = request.kind === "file" ? "" : ` of ${grouped(request.count)}`;
  return runOnce({
    pipeline,
    broker,
    publisher,
    topic,
    deadLetterTopic,
    runs,
    request,
    openSource: (request) => openSource(settings, request),
    signal,
    onProgress: ({ fetched, published, refused }) =>
      terminal.show(`fetched ${grouped(fetched)}${of} · published ${grouped(published)} · refused ${grouped(refused)}`),
  }).finally(() => terminal.clear());
}

/** Runs until the first signal, which ends the run under way behind its page. */
export async function keepIngesting(
  { settings, terminal, stop }: Context,
  schedule: Schedule,
  publishing: Publishing,
  runs: Runs,
): Promise<number> {
  const run = async () => {
    try {
      const report = await makeRun(settings, publishing, runs, terminal, stop);
      terminal.print(summary(report));
      const error = report.error ?? (report.fetched === 0 && !stop.aborted ? nothingFetched(report) : undefined);
      if (error !== undefined) logFailure(error);
    } catch (error) {
      logFailure(error);
    }
    if (!stop.aborted) terminal.note(nextLine(schedule));
  };
  const forwarding = publishing.outbox?.keepForwarding(stop);
  terminal.note(`Ingesting ${schedule.text}.`);
  if (settings.every !== undefined) await run();
  else terminal.note(nextLine(schedule));
  if (stop.aborted) return EXIT.done;
  await runSchedule({
    schedule,
    ticks: denoCronTicks,
    now: Date.now,
    run,
    onSkipped: () => log.warning("The run before is still under way: this one is skipped"),
    signal: stop,
  });
  await forwarding;
  return EXIT.done;
}

function nextLine(schedule: Schedule): string {
  const next = schedule.next(Date.now());
  return next === null
    ? "No next run."
    : `Next run ${new Date(next).toLocaleString("sv-SE", { timeZoneName: "short" })}.`;
}

function logFailure(error: unknown): void {
  if (!(error instanceof UserpipeError)) return log.error("The run failed: {error}. The next one comes", { error });
  log.error("The run failed: {message}. {hint}. The next one comes", { message: error.message, hint: error.hint });
}

function nothingFetched({ source, seed }: RunReport): UserpipeError {
  // Only a file has no seed.
  const code = seed === null ? "input" : "source-answer";
  return new UserpipeError(code, `"${source}" gave no record`, "Look at what it has, or name another source");
}

function summary({ fetched, published, outbox, refused, ms, state, seed, source }: RunReport): string {
  const seeded = seed === null ? "" : `, seed ${seed}`;
  const kept = outbox === 0 ? "" : ` in the outbox ${grouped(outbox)},`;
  const counts = `fetched ${grouped(fetched)}, published ${grouped(published)},${kept} refused ${grouped(refused)}`;
  return `${state.padEnd(9)} ${counts} in ${seconds(ms)} from ${source}${seeded}`;
}

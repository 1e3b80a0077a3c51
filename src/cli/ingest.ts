/** `ingest`: one run, or runs on a schedule. */
import { EXIT, UserpipeError } from "../errors.ts";
import { fetchInterrupted, type InterruptedOptions, keepFetchingInterrupted } from "../ingest/interrupted.ts";
import { newSeed, runAgain, runOnce, type RunOptions, type RunReport } from "../ingest/run.ts";
import { cronSchedule, denoCronTicks, periodSchedule, runSchedule, type Schedule } from "../ingest/schedule.ts";
import { logger } from "../log.ts";
import { namesOf, openSource, sourceRequest } from "../open.ts";
import type { Runs, RunTarget } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import type { Context } from "./command.ts";
import { withRuns } from "./ends.ts";
import { type Publishing, withPublishing } from "./publishing.ts";
import { grouped, seconds, type Terminal } from "./terminal.ts";

const log = logger("ingest");

export async function ingest(context: Context): Promise<number> {
  const { settings } = context;
  const schedule = scheduleOf(settings);
  sourceRequest(settings, "");
  return await withPublishing(settings, (publishing) =>
    withRuns(settings, (runs) => {
      if (schedule === undefined) return ingestOnce(context, publishing, runs);
      return keepIngesting(context, schedule, publishing, runs);
    }));
}

async function ingestOnce(context: Context, publishing: Publishing, runs: Runs): Promise<number> {
  const { settings, terminal, stop } = context;
  const { refused } = await fetchInterrupted(interruptedOptions(context, publishing, runs, false));
  if (stop.aborted) return refused > 0 ? EXIT.found : EXIT.done;
  const report = await makeRun(settings, publishing, runs, terminal, stop);
  terminal.print(summary(report));
  if (report.error !== undefined) throw report.error;
  if (report.fetched === 0 && !stop.aborted) throw nothingFetched(report);
  if (report.outbox > 0) {
    terminal.note("Not delivered yet: the next ingest forwards them, or userpipe outbox flush.");
  }
  return report.refused + refused > 0 ? EXIT.found : EXIT.done;
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
export async function makeRun(
  settings: Settings,
  publishing: Publishing,
  runs: Runs,
  terminal: Terminal,
  signal: AbortSignal,
  scheduled = false,
): Promise<RunReport> {
  const request = sourceRequest(settings, newSeed());
  const of = request.kind === "file" ? "" : ` of ${grouped(request.count)}`;
  const onProgress: RunOptions["onProgress"] = ({ fetched, published, refused }) =>
    terminal.show(`fetched ${grouped(fetched)}${of} · published ${grouped(published)} · refused ${grouped(refused)}`);
  const options = { ...runOptions(settings, publishing, runs, signal, scheduled), onProgress };
  const { url = null, nat = null } = settings;
  try {
    return await runOnce(options, { request, url, nat, target: targetOf(settings) });
  } finally {
    terminal.clear();
  }
}

function runOptions(
  settings: Settings,
  { broker, publisher }: Publishing,
  runs: Runs,
  signal: AbortSignal,
  scheduled: boolean,
): RunOptions {
  const { pipeline, topic, deadLetterTopic } = namesOf(settings);
  const open: RunOptions["openSource"] = (request) => openSource(settings, request);
  return { pipeline, broker, publisher, topic, deadLetterTopic, runs, openSource: open, scheduled, signal };
}

/** As with the outbox, a data folder goes with one Kafka, whose addresses may change. */
function targetOf(settings: Settings): RunTarget {
  const { pipeline, topic } = namesOf(settings);
  return { pipeline: pipeline.name, broker: settings.brokers === undefined ? "embedded" : "kafka", topic };
}

/** How runs that were cut are fetched again: from their own address, whatever source the settings name. */
function interruptedOptions(
  { settings, terminal, stop }: Context,
  publishing: Publishing,
  runs: Runs,
  scheduled: boolean,
): InterruptedOptions {
  return {
    runs,
    target: targetOf(settings),
    again: (run) => {
      const own = { ...settings, url: run.url ?? undefined, nat: run.nat ?? undefined };
      return runAgain(runOptions(own, publishing, runs, stop, scheduled), run);
    },
    onAgain: ({ id, seed }) => terminal.note(`Run ${id} was interrupted: fetched again by its seed ${seed}.`),
    onDone: (report) => terminal.print(summary(report)),
    signal: stop,
  };
}

/** Runs until the first signal, which ends the run under way behind its page. */
export async function keepIngesting(
  context: Context,
  schedule: Schedule,
  publishing: Publishing,
  runs: Runs,
): Promise<number> {
  const { settings, terminal, stop } = context;
  const run = async () => {
    try {
      const report = await makeRun(settings, publishing, runs, terminal, stop, true);
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
  const interrupted = interruptedOptions(context, publishing, runs, true);
  const looked = fetchInterrupted(interrupted);
  const looking = looked.then((first) => keepFetchingInterrupted(interrupted, first));
  if (settings.every !== undefined) {
    await looked;
    if (!stop.aborted) await run();
  } else {
    // Its first time may be near, and is not missed for what takes longer.
    terminal.note(nextLine(schedule));
  }
  if (!stop.aborted) {
    await runSchedule({
      schedule,
      ticks: denoCronTicks,
      now: Date.now,
      run,
      onSkipped: () => log.warning("The run before is still under way: this one is skipped"),
      signal: stop,
    });
  }
  await Promise.all([forwarding, looking]);
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

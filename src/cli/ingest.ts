/** `ingest`: one run, or runs on a schedule. */
import { sleep } from "../backoff.ts";
import { EXIT, UserpipeError } from "../errors.ts";
import { fetchInterrupted, leftByKill } from "../ingest/interrupted.ts";
import { keepSchedule } from "../ingest/keep.ts";
import { IngestMeasures } from "../ingest/measures.ts";
import { Notifier } from "../ingest/notify.ts";
import type { Publishing } from "../ingest/publishing.ts";
import { keepPruned } from "../ingest/retention.ts";
import { newRun, newSeed, runAgain, runOnce, type RunOptions, type RunReport } from "../ingest/run.ts";
import { cronSchedule, nextTimes, periodSchedule, type Schedule } from "../ingest/schedule.ts";
import { processClock } from "../ingest/ticks.ts";
import { mayFetch } from "../ingest/topic_seen.ts";
import { failureText, timeText } from "../ingest/wording.ts";
import { logger } from "../log.ts";
import { metrics } from "../metrics.ts";
import { askedOf, targetOf } from "../open.ts";
import type { Run, Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import { type FlagOf, needed } from "../settings_fit.ts";
import { shown } from "../shown.ts";
import type { Context } from "./command.ts";
import { refuseDashboard, withDashboard } from "./dashboard.ts";
import { withRuns } from "./ends.ts";
import { withLive } from "./live.ts";
import { nextLines } from "./next_times.ts";
import { withPublishing } from "./publishing.ts";
import { runOptions } from "./run_options.ts";
import { reportLine } from "./run_report.ts";
import { shortId } from "./run_rows.ts";
import { grouped, SEE_REFUSED, type Terminal } from "./terminal.ts";

const log = logger("ingest");

/** Runs that stay on record at the most, where nothing else is said. */
const RUNS_KEPT = 100_000;

export async function ingest(context: Context): Promise<number> {
  const { settings } = context;
  const schedule = scheduleOf(settings);
  if (schedule === undefined) assertSingle(context.flagOf);
  askedOf(settings, "");
  const work = () =>
    withPublishing(settings, (publishing) =>
      withRuns(settings, (runs) => {
        if (schedule === undefined) return ingestOnce(context, publishing, runs);
        const keep = () => keepIngesting(context, schedule, publishing, runs);
        return withLive({ settings, command: "ingest", runs }, keep);
      }));
  if (schedule !== undefined) return await withDashboard(context, { always: false }, work);
  refuseDashboard(context);
  return await work();
}

/** @throws {UserpipeError} `settings` where a flag is about a schedule, and there is none */
function assertSingle(flagOf: FlagOf): void {
  const catchUp = flagOf("catchUp");
  const kept = flagOf("runsMaxAge") ?? flagOf("runsMaxCount");
  const schedule = ["--every", "--cron"];
  if (catchUp !== undefined) throw needed(catchUp, schedule, "a single run has no times that it could miss");
  if (kept !== undefined) {
    throw needed(kept, schedule, 'a schedule removes old runs, and "userpipe runs prune" by hand');
  }
}

async function ingestOnce(context: Context, publishing: Publishing, runs: Runs): Promise<number> {
  const { settings, terminal, stop } = context;
  return await withNotifier(settings, runs, async (notify) => {
    const options = { ...runOptions(settings, publishing, runs, { own: true, signal: stop }), notify };
    sayLeft(await leftByKill(runs, options.target), terminal);
    const { refused } = await fetchInterrupted({
      runs,
      target: options.target,
      again: (run) => runAgain(options, run),
      onAgain: (run) => sayAgain(run, terminal),
      onDone: (report) => terminal.print(reportLine(report)),
      signal: stop,
    });
    if (stop.aborted) return context.cutCode();
    const report = await makeRun(settings, options, terminal);
    terminal.print(reportLine(report));
    if (report.refused + refused > 0) terminal.note(SEE_REFUSED);
    if (report.error !== undefined) throw report.error;
    if (stop.aborted && report.state === "interrupted") return context.cutCode();
    if (report.fetched === 0) throw nothingFetched(report);
    if (report.outbox > 0) {
      terminal.note(
        publishing.outbox?.busy
          ? "Not delivered yet: they wait behind what another process is forwarding."
          : "Not delivered yet: once Kafka takes them the next ingest forwards them, or userpipe outbox flush.",
      );
    }
    return report.refused + refused > 0 ? EXIT.found : EXIT.done;
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

/** Makes one run of what the settings name, showing how it goes. */
export async function makeRun(settings: Settings, options: RunOptions, terminal: Terminal): Promise<RunReport> {
  const asked = askedOf(settings, newSeed());
  const of = asked.count === null ? "" : ` of ${grouped(asked.count)}`;
  const onProgress: RunOptions["onProgress"] = ({ fetched, published, refused }) =>
    terminal.show(`fetched ${grouped(fetched)}${of} · published ${grouped(published)} · refused ${grouped(refused)}`);
  try {
    return await runOnce(
      { ...options, onProgress, onUnrecorded: (report) => terminal.print(reportLine(report)) },
      asked,
    );
  } finally {
    terminal.clear();
  }
}

/** Runs until the first signal, which ends the run under way behind its page. */
export async function keepIngesting(
  context: Context,
  schedule: Schedule,
  publishing: Publishing,
  runs: Runs,
): Promise<number> {
  const { settings, terminal, stop } = context;
  const { catchUp, runsMaxAge: maxAgeMs, runsMaxCount: maxCount = RUNS_KEPT } = settings;
  const { text, definition } = schedule;
  const measures = metrics.ingest = new IngestMeasures(() => metrics.changed?.());
  const ended = new AbortController();
  const signal = AbortSignal.any([stop, ended.signal]);
  let seenRefused = false;
  let paused: number | null | undefined;
  let saidNext: number | undefined | null = null;
  const sayNext = () => {
    if (stop.aborted || paused !== null) return;
    const now = Date.now();
    const [next] = nextTimes(definition, now, 1);
    // A run that is not the schedule's own leaves it as it was said.
    if (next === saidNext) return;
    saidNext = next;
    terminal.note(next === undefined ? "No next run." : `Next run ${nextLines(definition, now, 1)[0]}.`);
  };
  const sayPause = (pausedAt: number | null) => {
    if (pausedAt !== null) {
      terminal.note(`The schedule is paused since ${timeText(pausedAt)}; userpipe resume lets it go on.`);
    } else if (paused !== undefined) terminal.note("The schedule is resumed.");
    paused = pausedAt;
    saidNext = null;
    sayNext();
  };
  const run = runOptions(settings, publishing, runs, { own: false, signal: stop });
  // What is wrong from the start ends it; once it runs, a topic that is gone makes runs that fail, and may come back.
  await newRun(run, "scheduled", askedOf(settings, newSeed()));
  await lookAtTopics(run);
  terminal.note(`Ingesting ${text} into "${targetOf(settings).topic}".`);
  if (settings.seed !== undefined) terminal.note("Each run has the same records, since --seed names one seed for all.");
  if (settings.runs !== undefined && settings.brokers === undefined) terminal.note(ONE_MACHINE);
  const printReport = (report: RunReport) => terminal.print(`${reportLine(report)}, run ${shortId(report.id)}`);
  sayLeft(await leftByKill(runs, targetOf(settings)), terminal);
  const others = [publishing.outbox?.keepForwarding(signal), keepPruned({ runs, maxAgeMs, maxCount, signal })];
  return await withNotifier(settings, runs, async (notify) => {
    try {
      await keepSchedule({
        ...{ schedule, catchUp, signal: stop, clock: processClock() },
        ask: () => askedOf(settings, newSeed()),
        run: { ...run, notify, measures, onUnrecorded: printReport },
        onReport: (report) => {
          printReport(report);
          if (report.why !== null) sayWhy(report);
          if (report.refused > 0 && !seenRefused) terminal.note(SEE_REFUSED);
          seenRefused ||= report.refused > 0;
          sayNext();
        },
        onFailure: (error) => log.error("A run failed: {why}", { why: failureText(error) }),
        onAgain: (run) => sayAgain(run, terminal),
        onLead: (leads) => sayLead(leads, terminal),
        onPause: sayPause,
      });
      return EXIT.done;
    } finally {
      ended.abort();
      await Promise.all(others);
    }
  });
}

/** A broker that does not answer within this, in ms, is away: the outbox is there for that. */
const TOPICS_MS = 3_000;

/** @throws {UserpipeError} where the broker says that a topic is not there, or that it may not be used */
async function lookAtTopics(run: RunOptions): Promise<void> {
  const over = new AbortController();
  const looked = mayFetch(run);
  looked.catch(() => {});
  await Promise.race([looked, sleep(TOPICS_MS, over.signal)]);
  over.abort();
}

const ONE_MACHINE =
  "The record of runs is a Postgres, and the topic is of this data folder alone: for many machines name a Kafka with --brokers.";

function sayAgain({ id, seed }: Run, terminal: Terminal): void {
  terminal.note(`Run ${shortId(id)} was interrupted: fetched again by its seed ${seed}.`);
}

function sayLeft(run: Run | null, terminal: Terminal): void {
  if (run === null) return;
  const { id, source, sourceKind, seed, count } = run;
  const again = sourceKind === "file" ? "--file" : `--generate ${count} --seed ${seed}`;
  const what = `Run ${shortId(id)} from ${source} was interrupted: make it again with "userpipe ingest ${again}".`;
  terminal.note(shown(what));
}

function sayLead(leads: boolean, terminal: Terminal): void {
  terminal.note(
    leads
      ? "This process makes the runs of the schedule."
      : "Another process makes the runs of the schedule: this one takes over where that ends.",
  );
}

function sayWhy({ id, state, error, why }: RunReport): void {
  const words = { id: shortId(id), why: error === undefined ? why : failureText(error) };
  if (state === "failed") log.error("The run {id} failed: {why}", words);
  else log.warning("The run {id} is cut, and is fetched again: {why}", words);
}

/** For as long as `work` takes, where `--notify` names a service. */
export async function withNotifier<T>(
  settings: Settings,
  runs: Runs,
  work: (notify: Notifier | undefined) => Promise<T>,
): Promise<T> {
  const { notify: url } = settings;
  if (url === undefined) return await work(undefined);
  const notifier = new Notifier({ url, runs, target: targetOf(settings) });
  try {
    return await work(notifier);
  } finally {
    await notifier.close();
  }
}

function nothingFetched({ source, seed }: RunReport): UserpipeError {
  // Only a file has no seed.
  const code = seed === null ? "input" : "source-answer";
  return new UserpipeError(code, `"${source}" gave no record`, "Look at what it has, or name another source");
}

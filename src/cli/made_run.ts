/** Sees a queued run made: by the process that runs its schedule, or where none does by this one. */
import { sleep } from "../backoff.ts";
import { EXIT, UserpipeError } from "../errors.ts";
import type { Publishing } from "../ingest/publishing.ts";
import { makeQueued } from "../ingest/queued.ts";
import type { RunReport } from "../ingest/run.ts";
import { isLed } from "../ingest/triggered.ts";
import { openSource } from "../open.ts";
import type { NewRun, Run, Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import { shown } from "../shown.ts";
import type { Context } from "./command.ts";
import { withPublishing } from "./publishing.ts";
import { runOptions } from "./run_options.ts";
import { exitOf, recordLine, reportLine } from "./run_report.ts";
import { shortId } from "./run_rows.ts";
import { grouped, type Terminal } from "./terminal.ts";
import { span } from "./times.ts";

/** A process that lives takes it up within this, in ms; one that has ended a moment ago never does. */
const TAKE_MS = 3_000;
/** How often the record is looked at, in ms. */
const LOOK_MS = 50;

/** @returns the exit code */
export async function seeMade(context: Context, runs: Runs, queued: NewRun): Promise<number> {
  const { settings, terminal, stop } = context;
  // The pages of a backfill are made by whoever asks for them.
  const led = queued.kind !== "backfill" && await isLed(runs, queued.target);
  const begun = led ? await takenUp(runs, queued.id, stop) : null;
  if (begun === null) {
    if (stop.aborted) return EXIT.done;
    if (led) {
      const here = await canBeMadeHere(queued, settings);
      sayNotBegun(queued, here, terminal);
      if (!here) return settings.wait ? await follow(context, runs, queued.id) : EXIT.found;
    }
    return await withPublishing(settings, (publishing) => makeHere(context, publishing, runs, queued));
  }
  if (!settings.wait) {
    terminal.print(`started   run ${queued.id} by the process that runs the schedule`);
    return EXIT.done;
  }
  return await follow(context, runs, queued.id);
}

/** The run once somebody has begun it; null where nobody has in time. */
async function takenUp(runs: Runs, id: string, stop: AbortSignal): Promise<Run | null> {
  const end = performance.now() + TAKE_MS;
  while (performance.now() < end && !stop.aborted) {
    const run = await runs.get(id);
    if (run !== null && run.state !== "queued") return run;
    await sleep(LOOK_MS, stop);
  }
  return null;
}

/** Whether these settings have what the record has not: which file, and what is hidden of an address. */
async function canBeMadeHere(queued: NewRun, settings: Settings): Promise<boolean> {
  try {
    await (await openSource(settings, queued)).close();
    return true;
  } catch (error) {
    if (error instanceof UserpipeError && error.code === "settings") return false;
    throw error;
  }
}

function sayNotBegun({ id, source }: NewRun, here: boolean, terminal: Terminal): void {
  const busy =
    `The process that runs the schedule has not begun run ${shortId(id)} within ${TAKE_MS / 1000} s, as one ` +
    "that is stopped or has many under way";
  const why = `what is to be read of ${source} only that process knows, so that the run waits for it`;
  terminal.note(shown(here ? `${busy}: it is made here.` : `${busy}: ${why}. See userpipe runs show ${shortId(id)}`));
}

/** Those that were queued before it are made first. */
async function makeHere(context: Context, publishing: Publishing, runs: Runs, { id, kind }: NewRun): Promise<number> {
  const { settings, terminal, stop } = context;
  const options = runOptions(settings, publishing, runs, { own: true, signal: stop });
  const onProgress = ({ fetched, published }: RunReport | { fetched: number; published: number }) =>
    terminal.show(`fetched ${grouped(fetched)} · published ${grouped(published)}`);
  while (!stop.aborted) {
    const report = await makeQueued({ ...options, onProgress }, [kind]);
    if (report === null) return await follow(context, runs, id);
    terminal.print(reportLine(report));
    if (report.id !== id) continue;
    if (report.error !== undefined) throw report.error;
    return exitOf(report);
  }
  return EXIT.done;
}

/** Until another process has made it. */
async function follow({ terminal, stop }: Context, runs: Runs, id: string): Promise<number> {
  const began = performance.now();
  while (!stop.aborted) {
    const run = await runs.get(id);
    if (run === null) return EXIT.found;
    if (run.state !== "queued" && run.state !== "running") {
      terminal.print(recordLine(run));
      if (run.error !== null) terminal.note(`${run.error}. See userpipe runs show ${shortId(id)}`);
      return exitOf(run);
    }
    terminal.show(`run ${shortId(id)} is ${run.state}, ${span(performance.now() - began)}`);
    await sleep(LOOK_MS, stop);
  }
  terminal.note(`The run ${shortId(id)} goes on without this.`);
  return EXIT.done;
}

/** Sees a queued run made: by the process that runs its schedule, or where none does by this one. */
import { sleep } from "../backoff.ts";
import { EXIT } from "../errors.ts";
import type { Publishing } from "../ingest/publishing.ts";
import { makeQueued } from "../ingest/queued.ts";
import type { RunReport } from "../ingest/run.ts";
import { isLed } from "../ingest/triggered.ts";
import type { Run, Runs } from "../runs/runs.ts";
import type { Context } from "./command.ts";
import { withPublishing } from "./publishing.ts";
import { runOptions } from "./run_options.ts";
import { exitOf, recordLine, reportLine } from "./run_report.ts";
import { shortId } from "./run_rows.ts";
import { grouped } from "./terminal.ts";
import { span } from "./times.ts";

/** A process that lives takes it up within this, in ms; one that has ended a moment ago never does. */
const TAKE_MS = 3_000;
/** How often the record is looked at, in ms. */
const LOOK_MS = 50;

type Queued = Pick<Run, "id" | "kind" | "target">;

/** @returns the exit code */
export async function seeMade(context: Context, runs: Runs, queued: Queued): Promise<number> {
  const { settings, terminal, stop } = context;
  // The pages of a backfill are made by whoever asks for them.
  const led = queued.kind !== "backfill" && await isLed(runs, queued.target);
  const begun = led ? await takenUp(runs, queued.id, stop) : null;
  if (begun === null) {
    if (stop.aborted) return EXIT.done;
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

/** Those that were queued before it are made first. */
async function makeHere(context: Context, publishing: Publishing, runs: Runs, { id, kind }: Queued): Promise<number> {
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

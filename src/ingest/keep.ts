/**
 * Keeps a schedule: leads it or stands by for who does, makes a run of each due time, of each that is triggered or
 * tried again, and of each that was cut, until it is stopped.
 */
import { type Backoff, sleep } from "../backoff.ts";
import { logger } from "../log.ts";
import type { Run } from "../runs/runs.ts";
import { fetchInterrupted, type InterruptedOptions, keepFetchingInterrupted } from "./interrupted.ts";
import { Leading } from "./leading.ts";
import { keepMakingQueued } from "./queued.ts";
import { type Asked, makeRun, newRun, runAgain, type RunOptions, type RunReport } from "./run.ts";
import type { Schedule } from "./schedule.ts";
import type { Clock } from "./ticks.ts";
import { Trouble } from "./trouble.ts";

const log = logger("ingest");

/** How often the lead is taken or kept. */
const BEAT_MS = 3_000;

export interface KeepOptions {
  schedule: Schedule;
  /** What the next run of the schedule asks for. */
  ask: () => Asked;
  /** `own` is false of these; `signal` is that of the others here. */
  run: RunOptions;
  clock: Clock;
  /** Whether one run is made for the times that were missed. */
  catchUp: boolean;
  /** Ends the runs under way behind their pages. */
  signal: AbortSignal;
  /** A run has ended: of the schedule, triggered, tried again or fetched again. */
  onReport: (report: RunReport) => void;
  /** A run could not be made, or not be recorded, or ended on a defect. */
  onFailure: (error: unknown) => void;
  /** A run that was cut is fetched again. */
  onAgain: (run: Run) => void;
  /** Whether this process leads, from now on; first when it is known. */
  onLead?: (leads: boolean) => void;
  /** Since when the schedule is paused, or null where it is not: first when it is known, then when it has changed. */
  onPause?: (pausedAt: number | null) => void;
  /** Waits between looks for runs that were cut; from 1 min to 1 h by default. */
  look?: Backoff;
  /** In ms; 3 s by default. */
  beatMs?: number;
}

/**
 * Resolves once `signal` is aborted and what was under way has ended.
 * @throws {UserpipeError} `settings`, `input` where a run cannot be asked for so; what no waiting cures of the record
 */
export async function keepSchedule(options: KeepOptions): Promise<void> {
  const { ask, clock, onReport, onFailure, beatMs = BEAT_MS } = options;
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  const run = { ...options.run, signal };
  const running = new Set<Promise<void>>();
  const begin = (work: () => Promise<RunReport>): Promise<void> => {
    const ended: Promise<void> = work().then(onReport, onFailure).finally(() => running.delete(ended));
    running.add(ended);
    return ended;
  };
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    failures.push(error);
    broken.abort();
  };

  // What is wrong with the request is wrong at once, and the source's code is loaded before the first time comes.
  await newRun(run, "scheduled", ask());
  const trouble = new Trouble({
    log,
    what: "The record of runs",
    meanwhile: "No run begins until it is back; what is under way goes on",
  });
  let left = new AbortController();
  const leading = new Leading({
    ...options,
    run,
    trouble,
    begin: (due) => begin(() => makeRun(run, due)),
    // What the leader before had under way is fetched again.
    onGained: () => left.abort(),
  });
  const interrupted = {
    ...interruptedOptions(options, run),
    trouble,
    wake: () => (left = new AbortController()).signal,
  };
  const parts = [
    clock.ticks(() => void leading.tick().catch(fail), signal),
    beating(leading, beatMs, signal),
    keepMakingQueued({ run, begin, onChanged: () => leading.refresh(), trouble, signal }),
    fetchInterrupted(interrupted).then((looked) => keepFetchingInterrupted(interrupted, looked)),
  ];
  await Promise.all(parts.map((part) => part.catch(fail)));
  await Promise.all(running);
  await leading.yield();
  if (failures.length > 0) throw failures[0];
}

async function beating(leading: Leading, beatMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await leading.beat();
    await sleep(beatMs, signal);
  }
}

function interruptedOptions({ onAgain, onReport, look }: KeepOptions, run: RunOptions): InterruptedOptions {
  const { runs, target, signal } = run;
  return { runs, target, again: (cut) => runAgain(run, cut), onAgain, onDone: onReport, look, signal: signal! };
}

/** One attempt of a run: the source opened for it, its quota, its time limit, and what came of it. */
import { UserpipeError } from "../errors.ts";
import type { NewRun } from "../runs/runs.ts";
import type { Source } from "../source/source.ts";
import { ingest, type IngestCounts, IngestFailed, noCounts } from "./ingest.ts";
import { quotaLimits, RunQuota } from "./quota.ts";
import type { RunOptions } from "./run.ts";
import { TimeLimit } from "./time_limit.ts";
import { isDefect } from "./outcome.ts";
import { Progress } from "./progress.ts";
import { mayFetch } from "./topic_seen.ts";

/** What an attempt came to. */
export interface Attempted {
  counts: IngestCounts;
  /** A `UserpipeError`, or what a defect threw. */
  error?: unknown;
  /** Whether the process is to end, and not all was fetched. */
  stopped: boolean;
}

/** Never rejects. */
export async function makeAttempt(options: RunOptions, run: NewRun): Promise<Attempted> {
  const { runs, openSource, quota = quotaLimits(options.pipeline), timeoutMs, measures, schemas } = options;
  const limit = new TimeLimit(timeoutMs);
  const signal = options.signal === undefined ? limit.signal : AbortSignal.any([options.signal, limit.signal]);
  const onWait = (waiting: boolean) => {
    limit.hold(waiting);
    measures?.holds(waiting);
  };
  const waits = new RunQuota({ runs, limits: quota, onWait });
  const progress = new Progress(runs, run.id);
  const onProgress = (counts: IngestCounts) => {
    progress.say(counts);
    options.onProgress?.(counts);
  };
  let ended = false;
  let trouble: Trouble;
  const { counts, error } = await outcomeOf(async () => {
    const source = await openSource(run, waits);
    try {
      await mayFetch(options);
      const ending = untilEnd(source, () => ended = true);
      const prefix = await schemas?.prefix();
      return await ingest({ ...options, source: ending, signal, run: run.id, prefix, onProgress });
    } finally {
      trouble = source.trouble?.();
      await source.close();
    }
  });
  limit.end();
  await progress.end();
  const whole = error === undefined && (ended || (run.count !== null && counts.fetched >= run.count));
  if (options.signal?.aborted) return { counts, error, stopped: !whole };
  const late = limit.passed && !whole && !isDefect(error);
  if (late) return { counts, error: tookTooLong(counts, timeoutMs!, trouble, error), stopped: false };
  return { counts, error, stopped: false };
}

/** The same source, which says when its pages came to their end by themselves: a file does not say how many it has. */
function untilEnd(source: Source, onEnd: () => void): Source {
  async function* pages(signal?: AbortSignal) {
    yield* source.pages(signal);
    if (!signal?.aborted) onEnd();
  }
  return { name: source.name, check: () => source.check(), pages, close: () => source.close() };
}

async function outcomeOf(attempt: () => Promise<IngestCounts>): Promise<Omit<Attempted, "stopped">> {
  try {
    return { counts: await attempt() };
  } catch (error) {
    if (error instanceof IngestFailed) return { counts: error.counts, error: error.cause };
    return { counts: noCounts(), error };
  }
}

type Trouble = ReturnType<NonNullable<Source["trouble"]>>;

/** @param error what it ended with by itself */
function tookTooLong({ fetched }: IngestCounts, ms: number, trouble: Trouble, error: unknown): UserpipeError {
  const longer = "Give it longer with --run-timeout, or ask for fewer records";
  const what = `The run was not done within its limit of ${ms / 1000} s: ${fetched.toLocaleString("en")} records came`;
  const [then, hint] = error instanceof UserpipeError ? [error.message, error.hint] : [trouble?.what, trouble?.hint];
  return new UserpipeError(
    "run-timeout",
    then === undefined ? what : `${what}, and then ${then}`,
    hint === undefined ? longer : `${hint}. ${longer}`,
    { cause: error },
  );
}

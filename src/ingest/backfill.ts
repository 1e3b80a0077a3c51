/**
 * A backfill: a range of pages of one seed, each a run of its own. The queued runs on record are what is left to do, so
 * that the same request again goes on where the one before it stopped, and two of them share the work.
 */
import { createHash } from "node:crypto";
import { sleep } from "../backoff.ts";
import { UserpipeError } from "../errors.ts";
import type { NewRun, Run, RunState } from "../runs/runs.ts";
import { type IngestCounts, noCounts } from "./ingest.ts";
import { makeTaken } from "./queued.ts";
import { type Asked, newRun, type RunOptions, type RunReport } from "./run.ts";

/** Pages that fail one behind the other before it is given up: the rest stays queued. */
const MOST_FAILURES = 3;
/** Runs that are put on record in one transaction, or looked at in one go. */
const STEP = 200;
/** The wait from one to the next, in ms: a schedule is not to be late for them. */
const REST_MS = 3;

export interface BackfillOptions {
  /** `own` is false of these: a page that is cut is fetched again later. */
  run: RunOptions;
  /** Of every page, whose number is `page`. `count` is the size of a page. */
  asked: Asked;
  /** The first and the last, from 1. */
  pages: { first: number; last: number };
  /** How many pages are under way at once. */
  concurrency: number;
  onProgress?: (report: BackfillReport) => void;
  onReport?: (report: RunReport) => void;
}

const COUNTED = ["fetched", "published", "outbox", "refused", "bytes"] as const;

/** How it stands. */
export interface BackfillReport {
  /** Pages of the range. */
  pages: number;
  /** Pages that are delivered, to the outbox too. */
  done: number;
  /** Those of them that were so before. */
  before: number;
  /** Pages whose last attempt failed. */
  failed: number;
  /** Pages that another process has under way; known at the end. */
  elsewhere: number;
  /** What was fetched now. */
  counts: IngestCounts;
  /** The last error, where a page failed. */
  error?: UserpipeError;
}

/**
 * Resolves when nothing of the range is queued any more, when the signal of the runs was aborted, or when page after page
 * failed.
 * @throws {UserpipeError} `settings`; what the record throws
 */
export async function backfill(options: BackfillOptions): Promise<BackfillReport> {
  const { run, concurrency, pages, onProgress, onReport } = options;
  onePageEach(options);
  const mine = await pagesOf(options);
  const total = pages.last - pages.first + 1;
  const before = await putOnRecord(run, mine);
  const report: BackfillReport = { pages: total, done: before, before, failed: 0, elsewhere: 0, counts: noCounts() };
  let inARow = 0;
  const take = (): Promise<Run | null> => run.runs.takeQueued(run.target, ["backfill"]);
  const work = async (): Promise<void> => {
    while (!run.signal?.aborted && inARow < MOST_FAILURES) {
      const taken = await take();
      if (taken === null) return;
      const made = await makeTaken(run, taken);
      onReport?.(made);
      inARow = made.state === "failed" ? inARow + 1 : 0;
      if (!mine.has(taken.id)) continue;
      add(report, made);
      onProgress?.(report);
    }
  };
  onProgress?.(report);
  const ended = await Promise.allSettled(Array.from({ length: concurrency }, work));
  for (const result of ended) if (result.status === "rejected") throw result.reason;
  if (report.done < total) await lookAgain(run, mine, report);
  return report;
}

/** Counts the pages as they are on record by now: others may have made some of them, or be making them. */
async function lookAgain(run: RunOptions, mine: ReadonlyMap<string, NewRun>, report: BackfillReport): Promise<void> {
  Object.assign(report, { done: 0, failed: 0, elsewhere: 0 });
  for await (const { state } of onRecord(run, mine)) {
    if (isDelivered(state)) report.done++;
    if (state === "failed") report.failed++;
    // All that this process began has ended.
    if (state === "running") report.elsewhere++;
  }
}

async function* onRecord({ runs }: RunOptions, mine: ReadonlyMap<string, NewRun>): AsyncGenerator<Run> {
  for (const ids of steps([...mine.keys()])) yield* await runs.list({ ids, limit: STEP });
}

function* steps<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += STEP) yield all.slice(from, from + STEP);
}

function isDelivered(state: RunState): boolean {
  return state === "delivered" || state === "to outbox";
}

function add(report: BackfillReport, { state, error, ...made }: RunReport): void {
  for (const name of COUNTED) report.counts[name] += made[name];
  if (isDelivered(state)) report.done++;
  if (state === "failed") report.failed++;
  if (error !== undefined) report.error = error;
}

/** @throws {UserpipeError} `settings` */
function onePageEach({ run: { pipeline }, asked: { sourceKind, count } }: BackfillOptions): void {
  if (sourceKind !== "http") {
    const what = "A backfill fetches pages, and a file or the generator has none of a seed";
    throw new UserpipeError("settings", what, "Leave --file and --generate out");
  }
  if (count! <= pipeline.maxResults) return;
  const what = `--count ${count} is more than a page may have: ${pipeline.maxResults}`;
  throw new UserpipeError("settings", what, "Name the records of one page with --count, and more pages with --pages");
}

/** The runs of the range by id. The same request for the same target has the same ids, each time. */
async function pagesOf({ run, asked, pages }: BackfillOptions): Promise<Map<string, NewRun>> {
  const one = await newRun(run, "backfill", { ...asked, page: pages.last });
  const { target: { pipeline, broker, topic }, source, seed, count, url, nat } = one;
  const nats = nat === null ? null : sortedList(nat);
  const runs = new Map<string, NewRun>();
  for (let page = pages.first; page <= pages.last; page++) {
    const id = uuidOf(JSON.stringify([pipeline, broker, topic, source, seed, count, url, nats, page]));
    runs.set(id, { ...one, id, page });
  }
  return runs;
}

/** As `gb,us` of `us, gb,us`: in another order a list asks for the same. */
function sortedList(list: string): string {
  return [...new Set(list.split(",").map((each) => each.trim()))].sort().join(",");
}

/** A UUID made of a text: of the form for those that are (version 8). */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Queues what is not delivered yet and not under way. @returns how many pages are delivered */
async function putOnRecord(run: RunOptions, mine: ReadonlyMap<string, NewRun>): Promise<number> {
  const { runs } = run;
  const put = new Set<string>();
  for (const step of steps([...mine.values()])) {
    for (const { id } of await runs.queue(step)) put.add(id);
    await sleep(REST_MS, run.signal);
  }
  if (put.size === mine.size) return 0;
  let delivered = 0;
  for await (const { id, state } of await onRecord(run, mine)) {
    if (put.has(id)) continue;
    if (isDelivered(state)) delivered++;
    else if (state === "failed" || state === "interrupted") await runs.retry(id);
  }
  return delivered;
}

/** One run of ingest on record: what it asks of the source is written down before the first request (I6). */
import type { Broker } from "../broker/broker.ts";
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import { isTransient, messageOf, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Pipeline } from "../pipeline.ts";
import type { NewRun, Run, RunEnd, RunKind, RunRequest, Runs, RunState, RunTarget } from "../runs/runs.ts";
import type { Source, SourceQuota } from "../source/source.ts";
import type { Schemas } from "../stream/schemas.ts";
import { type Attempted, makeAttempt } from "./attempt.ts";
import type { IngestCounts } from "./ingest.ts";
import type { IngestMeasures } from "./measures.ts";
import type { Notifier } from "./notify.ts";
import { type Ending, endingOf, isDefect } from "./outcome.ts";
import type { Publisher } from "./publish.ts";
import { assertFits, type QuotaLimits } from "./quota.ts";
import { RunLog } from "./run_log.ts";
import { mayFetch } from "./topic_seen.ts";
import { failureText, timeText } from "./wording.ts";

const log = logger("ingest");

/** What a run asks of its source; the name of the source is known once it is opened. */
export type Asked = Omit<RunRequest, "source">;

/** What every run of a process goes by. */
export interface RunOptions {
  pipeline: Pipeline;
  broker: Broker;
  publisher: Publisher;
  /** Where what is published carries the id of its schema. */
  schemas?: Schemas;
  topic: string;
  deadLetterTopic: string;
  target: RunTarget;
  runs: Runs;
  /** Opens what that run asks for: its address, seed, page, count and nationalities, and not those of the settings. */
  openSource: (asked: Asked, quota: SourceQuota) => Promise<Source>;
  /** By default that of the pipeline, on its own host. */
  quota?: QuotaLimits;
  /**
   * Whether whoever stops the process stops a run of their own, and has what they wanted. Otherwise a run that is cut is
   * fetched again later.
   */
  own: boolean;
  /** Attempts behind the first of a run that failed; 0 by default. */
  retries?: number;
  /** The waits between them; from 10 s to 5 min by default. */
  retryDelay?: Backoff;
  /** For each attempt, in ms, without the time that it waits for the quota; none by default. */
  timeoutMs?: number;
  notify?: Notifier;
  signal?: AbortSignal;
  onProgress?: (counts: IngestCounts) => void;
  measures?: IngestMeasures;
  /** Given what a run did where its end cannot be recorded; what stood in the way is thrown then. */
  onUnrecorded?: (report: RunReport) => void;
}

/** What a run did in its last attempt. What it published by then is published, also where it failed. */
export interface RunReport extends IngestCounts {
  id: string;
  kind: RunKind;
  scheduledAt: number | null;
  state: RunState;
  source: string;
  seed: string | null;
  page: number | null;
  /** How many attempts there were, those of other processes too. */
  attempts: number;
  /** How long the attempts that this process made took, in ms, without the waits between them. */
  ms: number;
  /** The error that ended it. */
  error?: UserpipeError;
  /** Why it is not delivered, as it is on record; null where it is. */
  why: string | null;
}

const RETRY_DELAY: Backoff = { firstMs: 10_000, maxMs: 300_000 };

/** How often the end of a run is tried to be recorded. */
const RECORD_TRIES = 5;
const RECORD_DELAY: Backoff = { firstMs: 200, maxMs: 2_000 };

/** A seed for a run that was given none. */
export function newSeed(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}

export type NewRunOptions = Pick<RunOptions, "openSource" | "target" | "quota">;

/** What a run is to be; nothing is requested and nothing recorded yet. @throws {UserpipeError} `settings`, `input` */
export async function newRun(
  { openSource, target, quota }: NewRunOptions,
  kind: RunKind,
  asked: Asked,
  more: Partial<Pick<NewRun, "id" | "scheduledAt">> = {},
): Promise<NewRun> {
  const source = await openSource(asked, { ...FREE, fits: (api, records) => assertFits(api, records, quota?.(api)) });
  await source.close();
  const { sourceKind, url, nat } = asked;
  const { seed, page, count } = sourceKind === "file" ? { seed: null, page: null, count: null } : asked;
  const request = { source: source.name, sourceKind, seed, page, count, url, nat };
  return { id: crypto.randomUUID(), scheduledAt: null, ...more, kind, target, ...request };
}

/** Of a source that is asked for nothing. */
const FREE: SourceQuota = { fits: () => {}, take: async () => {}, refused: async () => false };

/**
 * Makes a manual run and records how it ended.
 * @throws {UserpipeError} where it could not begin; how it failed after that is in the report
 */
export async function runOnce(options: RunOptions, asked: Asked): Promise<RunReport> {
  const run = await newRun(options, "manual", asked);
  await mayFetch(options);
  await options.runs.begin(run);
  return await makeRun(options, run);
}

/**
 * Makes the next attempt of a run that was cut and that this process has claimed. Where that fails too, the run stays
 * interrupted; the report says why.
 */
export async function runAgain(options: RunOptions, run: Run): Promise<RunReport> {
  const number = await options.runs.again(run.id);
  return await makeRun(options, run, { number, again: true });
}

/** Which attempt of a run is under way, and whether it is one that was cut: it is tried again by another look. */
export interface Begun {
  number: number;
  again: boolean;
}

/**
 * Makes a run that this process has begun on record: this attempt of it and, where it fails, those behind it.
 * @throws {Error} on a defect, which is on record then
 */
export async function makeRun(options: RunOptions, run: NewRun, begun: Begun = FIRST): Promise<RunReport> {
  const { runs, signal, notify, retries = 0, retryDelay = RETRY_DELAY, own, measures } = options;
  let ms = 0;
  const lines = new RunLog(runs, run.id);
  let state: RunState | undefined;
  measures?.began();
  try {
    for (let number = begun.number, left = begun.again ? 0 : retries;; left--) {
      lines.begin(number, requestText(run));
      const startedAt = Date.now();
      const attempted = await lines.of(() => makeAttempt(options, run));
      const endedAt = Date.now();
      ms += Math.max(0, endedAt - startedAt);
      let ending = endingOf(attempted, { run, own, again: begun.again, left });
      const nextAt = ending.state === "running" ? endedAt + Math.ceil(waitMs(retryDelay, retries - left + 1)) : null;
      if (nextAt !== null) sayRetry(lines, run, number, attempted, nextAt);
      const reported = (as: Ending) => reportOf(run, attempted, as, { number, ms });
      const record = (as: Ending, times: Pick<RunEnd, "nextAt" | "endedAt">) =>
        recordEnd(runs, run, lines, attempted, { ...as, ...times }).catch((error) => {
          options.onUnrecorded?.(reported(as));
          throw error;
        });
      let taken = await record(ending, { nextAt, endedAt });
      if (nextAt !== null && taken) {
        await sleep(nextAt - Date.now(), signal);
        const next = await nextAttempt(runs, run, signal);
        if (next !== null) {
          number = next;
          continue;
        }
        ending = endingOf({ ...attempted, stopped: true }, { run, own, again: begun.again, left: 0 });
        taken = await record(ending, { nextAt: null, endedAt: Date.now() });
      }
      const report = reported(taken ? ending : TAKEN);
      state = report.state;
      notify?.ended(report);
      if (isDefect(attempted.error)) throw defectOf(attempted.error);
      return report;
    }
  } finally {
    measures?.ended(state);
    await lines.flush();
  }
}

const FIRST: Begun = { number: 1, again: false };

/** A process that was frozen for longer than its lease finds its run fetched again by another. */
const TAKEN: Ending = { state: "interrupted", again: true, error: "Another process has taken the run" };

function sayRetry(lines: RunLog, { id }: NewRun, number: number, { error }: Attempted, nextAt: number): void {
  const until = timeText(nextAt);
  lines.say("warning", `${failureText(error)}. Trying again at ${until}`);
  const why = messageOf(error);
  log.warning("Attempt {number} of the run {id} failed: {why}. Trying again at {until}", { id, number, why, until });
}

/** Begins it, once the record is there. @returns null where the signal was aborted before */
async function nextAttempt(runs: Runs, { id }: NewRun, signal?: AbortSignal): Promise<number | null> {
  for (let tries = 1; !signal?.aborted; tries++) {
    try {
      return await runs.again(id);
    } catch (error) {
      if (!isTransient(error)) throw error;
      await sleep(waitMs(RECORD_DELAY, tries), signal);
    }
  }
  return null;
}

/** @returns false where the run is no longer this process's */
async function recordEnd(
  runs: Runs,
  { id }: NewRun,
  lines: RunLog,
  { counts, error }: Attempted,
  ending: Ending & Pick<RunEnd, "nextAt" | "endedAt">,
): Promise<boolean> {
  if (ending.nextAt === null) lines.end(ending, error);
  // With its end: one transaction less for others to wait for.
  const last = await lines.take();
  return await patiently(() => runs.end(id, { ...counts, ...ending }, last));
}

/** A record that is held or whose disk is full for a moment does not cost the run its end. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error) || tries === RECORD_TRIES) throw error;
      await sleep(waitMs(RECORD_DELAY, tries));
    }
  }
}

function reportOf(
  run: NewRun,
  { counts, error }: Attempted,
  { state, error: why }: Ending,
  { number, ms }: { number: number; ms: number },
): RunReport {
  const { id, kind, scheduledAt, source, seed, page } = run;
  const known = error instanceof UserpipeError ? error : undefined;
  const report = { ...counts, id, kind, scheduledAt, source, seed, page, state, attempts: number, ms, why };
  return known === undefined ? report : { ...report, error: known };
}

function defectOf(error: unknown): Error {
  return new Error(`The run ended on a defect: ${messageOf(error)}`, { cause: error });
}

function requestText({ source, seed, page, count }: NewRun): string {
  const asked = [["seed", seed], ["page", page], ["count", count]].filter(([, value]) => value !== null);
  return [source, ...asked.map(([name, value]) => `${name} ${value}`)].join(", ");
}

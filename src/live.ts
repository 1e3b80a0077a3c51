/**
 * What a process that keeps running says of itself on the record of runs, once a second while it changes: the shapes, and who
 * writes them. The dashboard reads them there, of this process and of others.
 */
import type { Quantiles } from "./durations.ts";
import { messageOf, UserpipeError } from "./errors.ts";
import { logger } from "./log.ts";
import type { RunState } from "./runs/runs.ts";

export type { Quantiles } from "./durations.ts";

const log = logger("live");

/** How long figures are kept, in ms. */
export const LIVE_KEPT_MS = 15 * 60_000;
/** How often they are written, in ms. */
export const LIVE_EVERY_MS = 1_000;
/** And where nothing has changed but `at` and `residentBytes`. */
export const LIVE_SELDOM_MS = 5_000;

/** The figures of one process at one time. All counts are since its start, and all times in ms since the epoch. */
export interface LiveFigures {
  /** A UUID of the process's life. */
  process: string;
  host: string;
  pid: number;
  command: "up" | "ingest" | "stream";
  version: string;
  startedAt: number;
  at: number;
  ends: LiveEnds;
  residentBytes: number;
  /** Where it makes runs. */
  ingest?: IngestFigures;
  /** Where it streams, and that has begun. */
  stream?: StreamFigures;
}

/** What the process works on. */
export interface LiveEnds {
  broker: "embedded" | "kafka";
  topic: string;
  group: string;
  store: "embedded" | "cassandra";
  /** `keyspace.table` */
  table: string;
  pipeline: string;
}

export interface IngestFigures {
  /** Runs that this process ended, or left out; `running` are those that are under way. */
  runs: Record<RunState, number>;
  fetched: number;
  published: number;
  /** Records that went to the outbox. */
  outbox: number;
  refused: number;
  /** Of the source's answers, decompressed. */
  bytes: number;
  /** How long a page took to be published, since the start. */
  publishMs: Quantiles;
  state: "waiting" | "running" | "paused";
  why?: string;
}

export interface StreamFigures {
  rows: number;
  refused: number;
  oddKeys: number;
  /** Records behind the end of the partitions that this process has. */
  lag: number;
  /** The mean of the last second's batches; 0 where there was none. */
  batchRows: number;
  /** How long the store took for a write, over the last 10 s, as the two below. */
  writeMs: Quantiles;
  /** Of one record of each batch that says when it was fetched. */
  fetchedToPublishedMs: Quantiles;
  /** Of one record of each batch. */
  publishedToTableMs: Quantiles;
  /** By number. */
  partitions: PartitionFigures[];
  workers: WorkerFigures[];
  /** What is waited for. */
  waiting?: { message: string; hint: string };
}

export interface PartitionFigures {
  partition: number;
  /** Everything below is in the table or among the dead letters. An offset, in decimal. */
  position: string;
  end: string;
  lag: number;
  /** Which one has it. */
  worker: number;
}

export interface WorkerFigures {
  /** From 0. */
  worker: number;
  state: "running" | "waiting" | "starting";
  why?: string;
  rows: number;
}

/** Where figures are kept, for {@linkcode LIVE_KEPT_MS}. Throws {UserpipeError} `data-folder` or `runs-unreachable`. */
export interface LiveRecord {
  /** Of a process and a second there is one: a later one replaces it. */
  put(figures: LiveFigures): Promise<void>;
  /** Those of `at` and later, oldest first. */
  since(at: number): Promise<LiveFigures[]>;
}

/** What does not change while the process lives. */
export type LiveProcess = Omit<LiveFigures, "at" | "residentBytes" | "ingest" | "stream">;

export interface LiveReporterOptions {
  about: LiveProcess;
  /** Opened at the first write. */
  record: () => Promise<LiveRecord>;
  figures: () => Pick<LiveFigures, "ingest" | "stream">;
  /** {@linkcode LIVE_EVERY_MS} by default. */
  everyMs?: number;
}

/**
 * Writes the figures until it is closed. They are for looking at and may be lost: where they cannot be written, that is said at
 * the level debug and nothing else happens.
 */
export class LiveReporter {
  readonly #options: LiveReporterOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** One write at a time: a record that does not answer makes no queue. */
  #writing: Promise<void> | undefined;
  /** What was written last, and what of it is compared. */
  #last: { figures: LiveFigures; text: string } | undefined;
  /** Nothing changes, and the next write is far off. */
  #resting = false;
  #failed = false;
  #closed = false;

  constructor(options: LiveReporterOptions) {
    this.#options = options;
    this.#again();
  }

  /** Something has changed: where nothing had for a while, that is written at once. */
  changed(): void {
    if (!this.#resting) return;
    this.#resting = false;
    this.#tick();
  }

  /** Writes no more; what is under way may still fail, and does so in silence. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #again(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const { everyMs = LIVE_EVERY_MS } = this.#options;
    this.#timer = setTimeout(() => this.#tick(), this.#resting ? LIVE_SELDOM_MS : everyMs);
    this.#timer.unref();
  }

  #tick(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      this.#again();
    });
  }

  async #write(): Promise<void> {
    const { about, record, figures, everyMs = LIVE_EVERY_MS } = this.#options;
    try {
      const to = await record();
      if (this.#closed) return;
      const latest = { ...about, at: Date.now(), residentBytes: Deno.memoryUsage().rss, ...figures() };
      const text = JSON.stringify([latest.ingest, latest.stream]);
      const before = this.#last?.figures;
      const isNew = text !== this.#last?.text;
      // What is new after a rest is of this second alone.
      if (isNew && before !== undefined && latest.at - before.at > 2 * everyMs) {
        await to.put({ ...before, at: latest.at - everyMs });
      }
      await to.put(latest);
      this.#last = { figures: latest, text };
      this.#resting = !isNew && latest.ingest?.state !== "running";
      this.#failed = false;
    } catch (error) {
      if (!this.#failed && !this.#closed) this.#say(error);
      this.#failed = true;
    }
  }

  #say(error: unknown): void {
    const level = error instanceof UserpipeError ? "debug" : "warning";
    log[level]("Cannot write the live figures: {why}", { why: messageOf(error) });
  }
}

/** What the server sends to the page, for the types in its modules; this file itself is never sent. */
import type { LiveFigures, Quantiles } from "../../live.ts";
import type { Attempt, LogLine, Run, RunDetails, RunState, RunStats, ScheduleRecord } from "../../runs/runs.ts";

export type { Attempt, LiveFigures, LogLine, Quantiles, Run, RunDetails, RunState, RunStats, ScheduleRecord };

export interface Session {
  login: "none" | "needed" | "done";
  readOnly: boolean;
  version: string;
  csrf: string;
}

export type PartName = "source" | "ingest" | "broker" | "stream" | "store";
export type PartState = "fine" | "waiting" | "down" | "idle";

export interface WayPart {
  name: PartName;
  title: string;
  state: PartState;
  why?: string;
  hint?: string;
  /** In records/s. */
  rate: number | null;
  passed: number | null;
  /** Records. */
  waits: { what: string; count: number }[];
}

export interface Way {
  at: number;
  parts: WayPart[];
  freshness: { fetchedToPublished: Quantiles; publishedToTable: Quantiles };
  schedule: {
    text: string;
    pausedAt: number | null;
    next: number[];
    /** Whether a process runs it; `start` is the command that would. */
    led: boolean;
    start: string;
  } | null;
  lastRun: Run | null;
  lastError: { run: string; error: string; at: number } | null;
  /** Not known because they are still being counted. */
  counting: { rows: boolean; deadLetters: boolean };
  rows: number | null;
  /** When the rows were counted, in ms since the epoch, where that is not just now. */
  rowsCountedAt: number | null;
  deadLetters: number | null;
  outbox: number | null;
  lag: number | null;
  processes: { process: string; command: string; host: string; pid: number; at: number; residentBytes: number }[];
}

export interface RunsAnswer {
  runs: Run[];
  next: number[];
  schedules: ScheduleRecord[];
}

export interface Message {
  partition: number;
  offset: string;
  /** In ms since the epoch. */
  timestamp: number;
  key: string | null;
  /** Of the value. */
  bytes: number;
  /** Of a message in a list its beginning. */
  value: string;
  headers: [string, string][];
  /** In the schema registry, of a value that says it. */
  schemaId?: number;
  /** Where it is one. */
  event?: Record<string, unknown>;
  /** Why it is none. */
  why?: string;
}

export interface Topic {
  name: string;
  partitions: { partition: number; first: string; end: string; committed: string | null; lag: number | null }[];
}

/** Which process it is of: its `process`. */
type Of<T> = T & { process: string };
type Worker = Of<NonNullable<LiveFigures["stream"]>["workers"][number]>;
type Partition = Of<NonNullable<LiveFigures["stream"]>["partitions"][number]>;

export interface Live {
  series: { at: number[] } & Record<Exclude<keyof Series, "at">, (number | null)[]>;
  workers: Worker[];
  partitions: Partition[];
  processes: LiveFigures[];
}

interface Series {
  at: number;
  rowsPerSecond: number;
  lag: number;
  batchRows: number;
  writeP50Ms: number;
  writeP99Ms: number;
  residentBytes: number;
}

export interface NewestRow {
  values: (string | null)[];
  /** In µs since the epoch. */
  writeTime: number;
  partition: number;
  offset: string;
}

export interface TableRow {
  row: Record<string, string | null>;
  /** In µs since the epoch. */
  writeTime: number | null;
  /** null where it is no longer on the topic. */
  message: { partition: number; offset: string; run?: string; fetched?: number } | null;
}

export interface Facets {
  /** Messages or, where the table was asked for, rows. */
  of: number;
  /** Whether it is over all rows of the table. */
  whole: boolean;
  facets: { name: string; values: [string, number][] }[];
}

/** How many letters wait of a reason. */
export type Reason = [reason: string, count: number];

export interface Letter {
  /** Of the letter itself. */
  offset: string;
  reason: string;
  stage: string;
  /** Of the record. */
  topic: string | null;
  partition: number | null;
  /** Where the record was: `users_created/1/1234`, `source/<run>/7`. */
  at: string;
  /** In ms since the epoch. */
  refusedAt: number;
  /** The whole size in bytes of a value of which only the beginning was kept. */
  cutFrom: number | null;
  key: string | null;
}

export interface Letters {
  reasons: Reason[];
  letters: Letter[];
}

/** What a replay did or, as a dry run, would do. */
export interface Replayed {
  replayed: number;
  /** Refused again: they stay. Of which reasons, most first. */
  refused: number;
  reasons: Reason[];
  /** Of another topic: left alone. */
  elsewhere: number;
}

export interface LetterWhole extends Letter {
  headers: [string, string][];
  value: string | null;
}

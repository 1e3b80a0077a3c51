/** The shapes of a run on record: what is asked of it, each of its attempts, its log and its end. Part of the port. */
import type { SourceRequest } from "../source/source.ts";
import type { RunState } from "./runs.ts";

/** `backfill`: one page of a range that was asked for. */
export type RunKind = "scheduled" | "manual" | "backfill";

/** Where a run's records go. A run is fetched again, and a schedule led, only by who has the same. */
export interface RunTarget {
  pipeline: string;
  broker: "embedded" | "kafka";
  topic: string;
}

/** What a run asks of its source: the same for each of its attempts. */
export interface RunRequest {
  /** For messages: `https://randomuser.me`. */
  source: string;
  sourceKind: SourceRequest["kind"];
  /** What the source must be asked to give the same records again; null where it takes none of it. */
  seed: string | null;
  page: number | null;
  count: number | null;
  /** As the settings had it; null is the pipeline's own. */
  url: string | null;
  nat: string | null;
}

/** A run that is to be recorded. */
export interface NewRun extends RunRequest {
  id: string;
  kind: RunKind;
  target: RunTarget;
  /** The time, in ms since the epoch, that its schedule named; null for others. */
  scheduledAt: number | null;
}

/** What an attempt did; of one under way, what it had done a moment ago. */
export interface AttemptCounts {
  fetched: number;
  published: number;
  /** Records that wait in the outbox. */
  outbox: number;
  refused: number;
  /** Of the source's answers, decompressed. */
  bytes: number;
}

export interface Attempt extends AttemptCounts {
  /** From 1. */
  number: number;
  /** In ms since the epoch, like all times here. */
  startedAt: number;
  /** null while it is under way, and where its process was gone before it could say. */
  endedAt: number | null;
  error: string | null;
  /** When the next attempt comes, where one is to come by itself. */
  nextAt: number | null;
}

/** A run on record. Its counts are those of its last attempt, and its error is that of its last end. */
export interface Run extends NewRun, AttemptCounts {
  state: RunState;
  /** When it was asked for or begun; of one that was missed or skipped, when it was due. Runs are in this order. */
  queuedAt: number;
  /** Of the first attempt; null before it. */
  startedAt: number | null;
  endedAt: number | null;
  error: string | null;
  /** How many attempts there were. */
  attempts: number;
  /** How long its attempts took that have ended, in ms: without the waits between them. */
  workedMs: number;
  /** Since when the attempt under way is; null where none is. */
  attemptSince: number | null;
}

/** A run of which nothing waits in the outbox any more. */
export interface ForwardedRun extends Pick<Run, "id" | "attempts"> {
  /** How many of its records that waited the topic did not take: they are dead letters. */
  refused: number;
}

export interface LogLine {
  attempt: number;
  at: number;
  level: "debug" | "info" | "warning" | "error";
  text: string;
}

export interface RunDetails extends Run {
  tries: Attempt[];
  log: LogLine[];
}

/** How an attempt ended, and the state that it leaves the run in. */
export interface RunEnd extends AttemptCounts {
  /**
   * `interrupted` only where it is to be left so. `running`: the next attempt comes at `nextAt`, of the same process while it
   * lives.
   */
  state: "running" | "delivered" | "to outbox" | "failed" | "interrupted";
  /** Where it is interrupted: whether it is to be fetched again by itself ({@linkcode Runs.interrupted}). */
  again: boolean;
  endedAt: number;
  error: string | null;
  nextAt: number | null;
}

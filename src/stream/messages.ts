/** What the stream's worker thread and the main one say to each other: plain data, since clones lose classes. */
import type { Change, PlainError } from "../errors.ts";
import type { LogOptions } from "../log.ts";
import type { Settings } from "../settings.ts";
import type { Carried } from "./limits.ts";
import type { StreamStats } from "./stats.ts";

/** What the worker is for. It comes once, first. */
export type Task =
  & { settings: Settings; log: Omit<LogOptions, "beforeWrite"> & { live: boolean } }
  & (
    | {
      type: "start";
      /** What the workers before this one carried. */
      carried: Carried;
    }
    /** Make the table, and end. */
    | { type: "make" }
  );

/** To the worker. */
export type ToWorker =
  | Task
  /** Finish what is under way, commit, end. */
  | { type: "stop" }
  /** Give up what is under way. */
  | { type: "abort" };

/** From the worker. `done`, `made`, `failed` or `defect` comes once, last. */
export type FromWorker =
  | { type: "stats"; stats: StreamStats }
  | { type: "done"; stats: StreamStats }
  /** The store of a table to make is away, and is waited for. */
  | { type: "away" }
  /** Without changes where it was stopped before. */
  | { type: "made"; changes?: Change[] }
  /** `error` is an operating error; anything else is a defect, with its stack. */
  | { type: "failed"; error: PlainError }
  | { type: "defect"; stack: string };

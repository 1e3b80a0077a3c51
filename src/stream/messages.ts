/** What the stream's worker thread and its supervisor say to each other: plain data, since clones lose classes. */
import type { PlainError } from "../errors.ts";
import type { LogOptions } from "../log.ts";
import type { Settings } from "../settings.ts";
import type { Carried } from "./limits.ts";
import type { StreamStats } from "./stats.ts";

/** To the worker. `start` comes once, first. */
export type ToWorker =
  | {
    type: "start";
    settings: Settings;
    log: Omit<LogOptions, "beforeWrite"> & { live: boolean };
    /** What the workers before this one carried. */
    carried: Carried;
  }
  /** Finish what is under way, commit, end. */
  | { type: "stop" }
  /** Give up what is under way. */
  | { type: "abort" };

/** From the worker. `done` or `failed` comes once, last. */
export type FromWorker =
  | { type: "stats"; stats: StreamStats }
  | { type: "done"; stats: StreamStats }
  /** `error` is an operating error; anything else is a defect, with its stack. */
  | { type: "failed"; error: PlainError }
  | { type: "defect"; stack: string };

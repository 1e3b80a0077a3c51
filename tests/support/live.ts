/** Live figures of a process, as it would write them. */
import type { LiveFigures } from "../../src/live.ts";

/** Of a process that does all of it. @param at in ms since the epoch */
export function liveFigures(process: string, at: number, more: Partial<LiveFigures> = {}): LiveFigures {
  const took = { count: 3, p50: 1.5, p99: 20 };
  const none = { count: 0, p50: null, p99: null };
  return {
    process,
    host: "here",
    pid: 17,
    command: "up",
    version: "0.1.0",
    startedAt: 1_000,
    at,
    ends: {
      ...{ broker: "embedded", topic: "users_created", group: "userpipe", store: "embedded", pipeline: "users" },
      table: "spark_streams.created_users",
    },
    residentBytes: 100_000_000,
    ingest: {
      runs: { ...NO_RUNS, delivered: 2 },
      ...{ fetched: 7, published: 6, outbox: 0, refused: 1, bytes: 900, publishMs: took, state: "waiting" },
    },
    stream: {
      ...{ rows: 6, refused: 0, oddKeys: 0, lag: 4, batchRows: 3 },
      ...{ writeMs: took, fetchedToPublishedMs: took, publishedToTableMs: none },
      partitions: [{ partition: 0, position: "6", end: "10", lag: 4, worker: 0 }],
      workers: [{ worker: 0, state: "running", rows: 6 }],
    },
    ...more,
  };
}

const NO_RUNS: NonNullable<LiveFigures["ingest"]>["runs"] = {
  ...{ queued: 0, running: 0, delivered: 0, "to outbox": 0 },
  ...{ failed: 0, skipped: 0, missed: 0, interrupted: 0 },
};

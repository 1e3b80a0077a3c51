/** The runs port: the record of what ingest did, kept from before a run's first request. */
import type { SourceRequest } from "../source/source.ts";

export type RunKind = "scheduled" | "manual";

/** Where a run's records go. A run that was cut is fetched again only for the same. */
export interface RunTarget {
  pipeline: string;
  broker: "embedded" | "kafka";
  topic: string;
}

/** A run, the same for each of its attempts. */
export interface RunStart {
  id: string;
  kind: RunKind;
  /** Of the first attempt, in ms since the epoch. */
  startedAt: number;
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
  target: RunTarget;
}

/** All that it takes to fetch an HTTP run again. */
export interface InterruptedRun {
  id: string;
  kind: RunKind;
  source: string;
  seed: string;
  page: number;
  count: number;
  url: string | null;
  nat: string | null;
}

/**
 * How a run ended. One that delivered nothing is not `delivered`; of `to outbox`, records wait for the broker; `cut` was
 * ended by its person and is left at that; `interrupted` has yet to be fetched again.
 */
export type RunState = "delivered" | "to outbox" | "failed" | "cut" | "interrupted";

/** How an attempt ended, and the state that it leaves the run in. */
export interface RunEnd {
  state: RunState;
  endedAt: number;
  fetched: number;
  published: number;
  /** Records that were in the outbox when the attempt ended. */
  outbox: number;
  refused: number;
  error: string | null;
}

/**
 * A run under way belongs to the process that made it. One whose process is gone is `interrupted`; what is then done about
 * it is up to one process.
 *
 * Only runs over HTTP are fetched again. A file may be another by now, or was standard input, and generated records were
 * never anybody's: such a run stays `interrupted` on record, to be made again by whoever wants it.
 */
export interface Runs {
  /** I6: resolves once the run's start is durable, as its first attempt. */
  begin(run: RunStart): Promise<void>;
  /**
   * Marks the runs of processes that are gone, and claims those over HTTP for `target`, oldest first: until this process
   * ends them or is gone itself, no other is given them. What it has claimed and not begun it is given again.
   */
  interrupted(target: RunTarget): Promise<InterruptedRun[]>;
  /**
   * Begins the next attempt of a run that this process has claimed; resolves once that is durable.
   * @param startedAt ms since the epoch
   * @returns its number, from 2
   * @throws {Error} where the run is not this process's
   */
  again(id: string, startedAt: number): Promise<number>;
  /** Ends the attempt under way, and gives the run up. One that is no longer this process's is left as it is. */
  end(id: string, result: RunEnd): Promise<void>;
  close(): Promise<void>;
}

/** The runs port: the record of what ingest did, kept from before a run's first request. */

export interface RunStart {
  id: string;
  /** ms since the epoch. */
  startedAt: number;
  source: string;
  /** What the source must be asked to give the same records again; null where it takes no seed. */
  seed: string | null;
  page: number | null;
  count: number | null;
}

/** How a run ended. One that delivered nothing is not `delivered`; of `to outbox`, records wait for the broker. */
export type RunState = "delivered" | "to outbox" | "failed" | "cut";

export interface RunEnd {
  state: RunState;
  endedAt: number;
  fetched: number;
  published: number;
  /** Records that were in the outbox when the run ended. */
  outbox: number;
  refused: number;
  error: string | null;
}

export interface Runs {
  /** I6: resolves once the run's start is durable. */
  begin(run: RunStart): Promise<void>;
  end(id: string, result: RunEnd): Promise<void>;
  close(): Promise<void>;
}

/** What the contract suite of the runs port stands on: a record that several processes open, and runs to put there. */
import assert from "node:assert/strict";
import type {
  AttemptCounts,
  Lead,
  NewRun,
  RunDetails,
  RunEnd,
  RunRequest,
  Runs,
  RunTarget,
  Tick,
} from "../../src/runs/runs.ts";

/** One process on the record, or an opening of it that stands for one. */
export interface Process {
  runs: Runs;
  /** It is gone as by SIGKILL: nothing more is written by it, and it closes nothing. */
  crash(): Promise<void>;
  /** As SIGSTOP: it keeps what it has, and says no more that it lives until `thaw`. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

/** An empty record. */
export interface RecordOfRuns {
  open(): Promise<Process>;
  /** How long a process that says nothing keeps a lead: short, so that a test can wait for it. From 200 to 2,000. */
  leaseMs: number;
  /** After how long, at the most, a process that crashed is known to be gone. */
  goneMs: number;
  /** Ends the processes that are left, those that a test has closed too, and removes the record. */
  close(): Promise<void>;
}

/** Makes an empty record. `runsContract(name, factory)` of `runs.ts` makes one for each test. */
export type RunsFactory = () => Promise<RecordOfRuns>;

export const TARGET: RunTarget = { pipeline: "users", broker: "embedded", topic: "t" };
export const MANUAL = ["manual"] as const;
export const NO_COUNTS: AttemptCounts = { fetched: 0, published: 0, outbox: 0, refused: 0, bytes: 0 };
export const COUNTS: AttemptCounts = { fetched: 7, published: 6, outbox: 0, refused: 1, bytes: 900 };
export const REQUEST: RunRequest = {
  source: "http://here",
  sourceKind: "http",
  seed: "a seed",
  page: 3,
  count: 7,
  url: "http://here/",
  nat: "gb",
};

export const newRun = (id: string, also: Partial<NewRun> = {}): NewRun => ({
  ...{ ...REQUEST, id, kind: "manual", target: TARGET, scheduledAt: null },
  ...also,
});

export const end = (also: Partial<RunEnd> = {}): RunEnd => ({
  ...{ ...COUNTS, state: "delivered", again: false, endedAt: Date.now(), error: null, nextAt: null },
  ...also,
});

export const SCHEDULE = { name: "users/t", text: "every 1m", definition: { every: 60_000 }, target: TARGET };

/** A due time with a run whose id is the time's. */
export const tick = (time: number, state: Tick["state"] = "running", also: Partial<NewRun> = {}): Tick => ({
  ...{ time, state, run: newRun(`tick ${time}`, { kind: "scheduled", scheduledAt: time, ...also }) },
});

export const idsOf = (runs: readonly { id: string }[]): string[] => runs.map(({ id }) => id);

/** Of the run that is there. */
export async function get(runs: Runs, id: string): Promise<RunDetails> {
  const found = await runs.get(id);
  assert.ok(found, `${id} is on record`);
  return found;
}

/** Takes the lead that is free. */
export async function lead(runs: Runs, name = SCHEDULE.name): Promise<Lead> {
  const taken = await runs.lead({ ...SCHEDULE, name });
  assert.ok(taken, "it is free");
  return taken;
}

/** What `look` comes to, once it is something, within `ms`. */
export async function eventually<T>(ms: number, what: string, look: () => Promise<T | null | false>): Promise<T> {
  for (const until = Date.now() + ms;;) {
    const found = await look();
    if (found !== null && found !== false) return found;
    assert.ok(Date.now() < until, `${what} within ${ms} ms`);
    await pause(20);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a suite declares its tests with: each on a record of its own. */
export type Test = (sentence: string, work: (record: RecordOfRuns) => Promise<void>) => void;

export function testsOf(name: string, factory: RunsFactory): Test {
  return (sentence, work) =>
    Deno.test(`${name}: ${sentence}`, async () => {
      const record = await factory();
      try {
        await work(record);
      } finally {
        await record.close();
      }
    });
}

/** So many processes on it. */
export async function open(record: RecordOfRuns, count: number): Promise<Runs[]> {
  return (await Promise.all(Array.from({ length: count }, () => record.open()))).map(({ runs }) => runs);
}

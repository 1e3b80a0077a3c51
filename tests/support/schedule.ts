/** What the tests of schedules and runs stand on: a real record of runs, ends in memory, and a clock in the test's hand. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Broker, Message } from "../../src/broker/broker.ts";
import { type KeepOptions, keepSchedule } from "../../src/ingest/keep.ts";
import type { Asked, RunOptions, RunReport } from "../../src/ingest/run.ts";
import { periodSchedule } from "../../src/ingest/schedule.ts";
import type { Clock, Ticks } from "../../src/ingest/ticks.ts";
import type { Run, Runs, RunTarget } from "../../src/runs/runs.ts";
import { openSqliteRuns } from "../../src/runs/sqlite.ts";
import type { Page, Source } from "../../src/source/source.ts";
import { users } from "../../src/users/pipeline.ts";
import { until, withFolder } from "./cli.ts";

export const MINUTE = 60_000;
export const TARGET: RunTarget = { pipeline: "users", broker: "embedded", topic: "t" };

/** One attempt's pages: how many records, or what goes wrong. */
export type Pages = (asked: Asked, signal: AbortSignal) => AsyncIterable<number>;

export interface Rig {
  runs: Runs;
  /** Another process on the same record. */
  open(): Runs;
  /** What was published, in order. */
  published: Message[];
  /** What each attempt asked for, in order. */
  asked: Asked[];
  /** What the source gives from now on. */
  gives(pages: Pages): void;
  options(also?: Partial<RunOptions>): RunOptions;
}

/** A hundred records, at once. */
export const hundred: Pages = async function* () {
  yield 100;
};

export async function withRig(work: (rig: Rig) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const opened: Runs[] = [];
    const open = () => opened[opened.push(openSqliteRuns(join(folder, "runs.db"))) - 1]!;
    const runs = open();
    const published: Message[] = [];
    const asked: Asked[] = [];
    let pages = hundred;
    const openSource = async (run: Asked): Promise<Source> => ({
      name: "http://here",
      check: async () => ({ component: "source", ok: true, detail: "" }),
      async *pages(signal = new AbortController().signal) {
        asked.push(run);
        let number = run.page ?? 1;
        for await (const count of pages(run, signal)) yield page(number++, run.seed!, count);
      },
      close: async () => {},
    });
    const broker = { partitions: async () => [] } as unknown as Broker;
    const publish = async (_topic: string, messages: readonly Message[]) => {
      published.push(...messages);
      return "broker" as const;
    };
    const options = (also: Partial<RunOptions> = {}): RunOptions => ({
      ...{ pipeline: users, broker, publisher: { publish }, topic: "t", deadLetterTopic: "t.dlq" },
      ...{ target: TARGET, runs, openSource, own: false, retryDelay: { firstMs: 2, maxMs: 4 } },
      ...also,
    });
    try {
      await work({ runs, open, published, asked, gives: (given) => pages = given, options });
    } finally {
      // One that stands for a process that is gone is closed twice.
      for (const runs of opened) await runs.close().catch(() => {});
    }
  });
}

function page(number: number, seed: string, count: number): Page {
  const records = [...users.generate(`${seed}/${number}`, count)];
  return { records, unreadable: [], number, seed, fetchedAt: Date.now(), bytes: count * 1_000 };
}

let seeds = 0;

/** What a run asks for: each time with a seed of its own. */
export function ask(also: Partial<Asked> = {}): Asked {
  return { sourceKind: "http", seed: `seed ${++seeds}`, page: 1, count: 100, url: null, nat: null, ...also };
}

/** A clock and its ticks, driven by hand. It begins at the next whole minute. */
export class DrivenClock implements Clock {
  time: number;
  #tick = () => {};

  constructor(time = Math.ceil(Date.now() / MINUTE) * MINUTE) {
    this.time = time;
  }

  now = () => this.time;

  ticks: Ticks = (tick, signal) => {
    this.#tick = tick;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  };

  /** So many minutes on, or back, and a tick there. */
  go(minutes: number): void {
    this.time += minutes * MINUTE;
    this.#tick();
  }
}

/** A schedule that is kept by one process, and what it said. */
export interface Kept {
  reports: RunReport[];
  failures: unknown[];
  leads: boolean[];
  stop(): Promise<void>;
}

/** Keeps a schedule for as long as `work` takes. Every minute, unless `also` says otherwise. */
export async function keeping(
  rig: Rig,
  clock: Clock,
  also: Partial<KeepOptions>,
  work: (kept: Kept) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const [reports, failures, leads]: [RunReport[], unknown[], boolean[]] = [[], [], []];
  const ended = keepSchedule({
    ...{ schedule: periodSchedule(MINUTE), ask, run: rig.options(), clock, catchUp: false, beatMs: 20 },
    ...{ signal: end.signal, onAgain: () => {}, onLead: (now) => leads.push(now) },
    ...{ onReport: (report) => reports.push(report), onFailure: (error) => failures.push(error) },
    ...also,
  });
  const stop = async () => {
    end.abort();
    await ended;
  };
  // What it fails with is told where it is stopped.
  ended.catch(() => {});
  try {
    await Promise.race([ended, until(() => leads.length > 0, 30_000, () => "it does not say whether it leads")]);
    await work({ reports, failures, leads, stop });
  } finally {
    await stop();
    assert.deepEqual(failures, []);
  }
}

/** As `5 delivered`: the schedule's runs on record by the minutes from `start`, oldest first. */
export async function timetable(runs: Runs, start: number): Promise<string[]> {
  const all: Run[] = await runs.list({ kinds: ["scheduled"], limit: 10_000 });
  return all.sort((a, b) => a.scheduledAt! - b.scheduledAt!).map(({ scheduledAt, state }) =>
    `${(scheduledAt! - start) / MINUTE} ${state}`
  );
}

/** Resolves once the timetable is so. */
export async function timetableIs(runs: Runs, start: number, expected: readonly string[]): Promise<void> {
  let found: string[] = [];
  const same = async () => String(found = await timetable(runs, start)) === String(expected);
  await until(same, 30_000, () => `the timetable is ${found.join(", ")}, not ${expected.join(", ")}`);
}

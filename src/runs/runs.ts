/**
 * The runs port: the record of what ingest did and is to do, kept from before a run's first request, and shared by the
 * processes of one data folder or of one database.
 */
import type { Check } from "../errors.ts";
import type { LiveRecord } from "../live.ts";
import type {
  AttemptCounts,
  ForwardedRun,
  LogLine,
  NewRun,
  Run,
  RunDetails,
  RunEnd,
  RunKind,
  RunTarget,
} from "./run.ts";

export type * from "./run.ts";

/**
 * How it stands with a run. One that delivered nothing is not `delivered`; of `to outbox`, records wait for the broker;
 * `skipped` was due while another was under way, `missed` while no process ran; `interrupted` was cut by the end of its
 * process, or by its person.
 */
export const RUN_STATES = [
  "queued",
  "running",
  "delivered",
  "to outbox",
  "failed",
  "skipped",
  "missed",
  "interrupted",
] as const;

export type RunState = typeof RUN_STATES[number];

/** The right to make a schedule's ticks, until it is lost. */
export interface Lead {
  /** The name of the schedule. */
  schedule: string;
  /** Grows with each process that leads. What is written under an older one is refused. */
  epoch: number;
}

/** How many lines of log a run keeps, and how many characters of each. */
export const LOG_LINES = 1_000;
export const LOG_TEXT = 1_000;

/** How long a schedule is led by a process that does not say that it lives, in ms. */
export const LEASE_MS = 10_000;

/** A schedule on record. */
export interface ScheduleRecord {
  name: string;
  /** For people, as `schedule.ts` has it: `every 1m`; and what it was made of, so that others can work out what is next. */
  text: string;
  definition: ScheduleDefinition;
  target: RunTarget;
  pausedAt: number | null;
  /** Whether a process leads it now. */
  led: boolean;
  /** The last time that has a run on record. */
  lastTick: number | null;
  /**
   * Times behind it count: `lastTick` or, where that is later, when the schedule was put on record, was resumed, or came to be
   * defined as it is.
   */
  since: number;
}

export type ScheduleDefinition = { every: number } | { cron: string; timeZone: string };

/** A due time and what becomes of it. */
export interface Tick {
  /** In ms since the epoch. Of a schedule and a time there is one run on record, ever. */
  time: number;
  /** `running`: this process makes the run, from now on. */
  state: "running" | "skipped" | "missed";
  run: NewRun;
}

/** What is left out leaves nothing out; of `since`, runs that were queued then or later. 50 unless `limit` is named. */
export interface RunFilter {
  ids?: readonly string[];
  states?: readonly RunState[];
  kinds?: readonly RunKind[];
  target?: Partial<RunTarget>;
  since?: number;
  limit?: number;
}

export interface RunStats {
  runs: number;
  /** By state. */
  states: Partial<Record<RunState, number>>;
  /** Of `runs`, those that were attempted and are not under way: none that was missed or skipped. */
  made: number;
  /** Of those made the share delivered, to the outbox too; null where none was. */
  delivered: number | null;
  /** How long the last attempts of the runs took, in ms. */
  p50Ms: number | null;
  p95Ms: number | null;
  fetched: number;
  published: number;
  refused: number;
  /** By the day (UTC, `2026-11-23`) on which the last attempt began or, without one, the run was queued; oldest first. */
  days: { day: string; runs: number; published: number }[];
}

/** What keeps an address from being asked, and until when. */
export interface Hold {
  /** In ms since the epoch. */
  until: number;
  /** Whether its server refused, or the quota is used up. */
  by: "server" | "quota";
}

/** What a server lets one address fetch: so many records in so long. */
export interface QuotaLimit {
  records: number;
  windowMs: number;
}

/**
 * A run under way belongs to the process that made it. One whose process is gone is `interrupted`; what is then done about it
 * is up to one process. What a process writes of a run that is no longer its own is not taken.
 *
 * Only runs over HTTP are fetched again. A file may be another by now, or was standard input, and generated records were
 * never anybody's: such a run stays `interrupted` on record, to be made again by whoever wants it.
 *
 * Everything throws {UserpipeError} `data-folder` or `runs-unreachable`. Where the record is a database that is away, what a
 * process has to say of a run under way (`log`, `end`) is kept by the adapter and written once it is back.
 */
export interface Runs {
  /** For messages: `the record of runs in ./userpipe-data`. */
  readonly name: string;
  /** What the processes say of themselves while they keep running. */
  readonly live: LiveRecord;
  check(): Promise<Check>;

  /** I6: resolves once the run's start is durable, as its first attempt. */
  begin(run: NewRun): Promise<void>;
  /**
   * Resolves once the runs are on record, to be made by whoever takes them.
   * @returns those that were put there: one whose id is on record already is left out
   */
  queue(runs: readonly NewRun[]): Promise<NewRun[]>;
  /** Claims the oldest queued run of the target and the kinds, and begins its next attempt. */
  takeQueued(target: RunTarget, kinds: readonly RunKind[]): Promise<Run | null>;
  /**
   * Marks the runs of processes that are gone, and claims those over HTTP for `target` that are to be fetched again, oldest
   * first: until this process ends them or is gone itself, no other is given them. What it has claimed and not begun it is
   * given again.
   */
  interrupted(target: RunTarget): Promise<Run[]>;
  /**
   * Begins the next attempt of a run that is this process's; resolves once that is durable.
   * @returns its number, from 2
   * @throws {Error} where the run is not this process's
   */
  again(id: string): Promise<number>;
  /**
   * Adds to the log of a run that is this process's. Of more than {@linkcode LOG_LINES} lines the oldest go, of a longer
   * text than {@linkcode LOG_TEXT} its end.
   */
  log(id: string, lines: readonly LogLine[]): Promise<void>;
  /**
   * What the attempt under way of a run that is this process's has done so far, for whoever looks. Where it cannot be written
   * now it is not written later.
   */
  progress(id: string, counts: AttemptCounts): Promise<void>;
  /**
   * Ends the attempt under way or, where the next one is waited for, the run as it is.
   * @param lines for its log, before the end
   * @returns false where the run is no longer this process's, and nothing was written
   */
  end(id: string, end: RunEnd, lines?: readonly LogLine[]): Promise<boolean>;
  /**
   * Queues a run that has ended once more: the same request, as its next attempt.
   * @returns why not, where it cannot be: under way, no such run, a source that does not give the same again
   */
  retry(id: string): Promise<string | null>;
  /**
   * Marks runs that are `to outbox` as delivered: what waited of their last attempts was published. One that was begun again
   * since is left as it is.
   * @param text for their logs
   * @returns the ids of those that are marked
   */
  forwarded(runs: readonly ForwardedRun[], text: string): Promise<string[]>;

  /**
   * Takes the lead of a schedule, or keeps it: called every few seconds by each process that would. A leader that does not
   * call for {@linkcode LEASE_MS} loses it to the next that does, and with it the runs under way that its ticks made: they
   * are interrupted. A schedule that is not on record yet is put there; a leader's definition is what counts.
   * @returns null where another process leads
   */
  lead(schedule: Pick<ScheduleRecord, "name" | "text" | "definition" | "target">): Promise<Lead | null>;
  /** Gives the lead up, so that another process need not wait. */
  yield(lead: Lead): Promise<void>;
  /**
   * Records due times, all or none, on the record's own clock and under the lead's epoch; none where the schedule is paused.
   * @returns those that were recorded: a time that has a run already, or had one that is pruned, is left out; null where the
   * lead is lost
   */
  tick(lead: Lead, ticks: readonly Tick[]): Promise<Tick[] | null>;
  schedules(): Promise<ScheduleRecord[]>;
  /** Holds a schedule, or lets it go on. @returns false where there is no such schedule */
  pause(schedule: string, paused: boolean): Promise<boolean>;
  /**
   * Resolves when something was queued, paused or resumed by anyone, this process too, since it was called: within half a
   * second, or when the signal is aborted. To miss nothing, call it, look, then await it.
   */
  changed(signal: AbortSignal): Promise<void>;

  /**
   * Takes `records` of what a server allows, over all processes of this record.
   * @param api whose it is: the origin of its address
   * @param limit null where none is known: then only what the server said itself holds
   * @returns null where they may be fetched now, else until when they may not, and nothing is taken
   */
  reserve(api: string, records: number, limit: QuotaLimit | null): Promise<Hold | null>;
  /** The server said that nothing more is to be asked before `until`. */
  block(api: string, until: number): Promise<void>;
  /** What is used of the quota now, and until when the server refuses, if it does. */
  quota(api: string, limit: QuotaLimit): Promise<{ used: number; blockedUntil: number | null }>;

  /** Newest first. */
  list(filter: RunFilter): Promise<Run[]>;
  get(id: string): Promise<RunDetails | null>;
  stats(since: number): Promise<RunStats>;
  /** The ids that begin so, as they are written; at most ten, newest first. */
  find(prefix: string): Promise<string[]>;
  /**
   * Removes runs that ended before `before`, and of those that ended all but the newest `keep`, with what belongs to them.
   * What is still to be fetched again by itself has not ended.
   * @returns how many
   */
  prune(before: number, keep?: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * One process's part in a schedule: it keeps the lead or stands by, and at each tick records what has come due since the
 * last one on record and what becomes of it. A time is recorded once, by whoever leads.
 */
import { isTransient } from "../errors.ts";
import { logger } from "../log.ts";
import type { Lead, NewRun, ScheduleRecord, Tick } from "../runs/runs.ts";
import { type Asked, newRun, type RunOptions } from "./run.ts";
import { dueTimes, type Schedule, scheduleName } from "./schedule.ts";
import type { Clock } from "./ticks.ts";
import { mayFetch } from "./topic_seen.ts";
import type { Trouble } from "./trouble.ts";
import { timeText } from "./wording.ts";

const log = logger("ingest");

/** How much before its minute a tick may come and still count for it. */
const EARLY_MS = 1_000;
/** How long before a time its run is prepared: longer than from one beat to the next. */
const PREPARE_MS = 5_000;
/** Of a longer downtime the latest times are recorded. */
const MAX_MISSED = 1_000;

export interface LeadingOptions {
  schedule: Schedule;
  ask: () => Asked;
  run: RunOptions;
  clock: Clock;
  catchUp: boolean;
  /** Makes a run that is begun on record. Resolves when it has ended; never rejects. */
  begin: (run: NewRun) => Promise<void>;
  /** Of the record. */
  trouble: Trouble;
  /** The lead was another's, or nobody's. */
  onGained: () => void;
  onLead?: (leads: boolean) => void;
  onPause?: (pausedAt: number | null) => void;
}

export class Leading {
  readonly #options: LeadingOptions;
  readonly #name: string;
  #lead: Lead | null = null;
  /** Whether it leads, as it was said last. */
  #said: boolean | undefined;
  /** Since when it is paused, as it was said last. */
  #saidPaused: number | null | undefined;
  #record: ScheduleRecord | undefined;
  /** Times behind it are due, by the record, whose clock may be another's. */
  #since = 0;
  /** By the own clock: times up to it are not due, while it has come. */
  #floor = 0;
  /** The current time of a period that is new is run without waiting for the next. */
  #atOnce = false;
  /** The run of the last due time, while it is under way. */
  #running: Promise<void> | undefined;
  /** One thing at a time is said to the record. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: LeadingOptions) {
    this.#options = options;
    this.#name = scheduleName(options.run.target);
  }

  /** Takes or keeps the lead, and runs what is due. @throws what no waiting cures */
  beat(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#takeLead();
      await this.#runDue(0);
      this.#options.trouble.well();
      this.#prepare();
    });
  }

  /** A minute has begun. */
  tick(): Promise<void> {
    return this.#inTurn(() => this.#runDue(EARLY_MS));
  }

  /** The schedule may have been paused or resumed. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#read());
  }

  /** Gives the lead up. */
  yield(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#lead) await this.#options.run.runs.yield(this.#lead);
      this.#lead = null;
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => this.#patiently(work));
    this.#turn = done.catch(() => {});
    return done;
  }

  /** A record that is away is asked again at the next beat: what is due by then is not forgotten. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#options.trouble.failed(error);
    }
  }

  async #takeLead(): Promise<void> {
    const { schedule, run, onGained, clock } = this.#options;
    const { text, definition } = schedule;
    const before = this.#lead === null ? await this.#find() : this.#record;
    const lead = await run.runs.lead({ name: this.#name, text, definition, target: run.target });
    const held = this.#lead;
    this.#lead = lead;
    if (lead !== null && lead.epoch !== held?.epoch) {
      this.#atOnce = "every" in definition && JSON.stringify(before?.definition) !== JSON.stringify(definition);
      if (before === undefined) this.#floor = clock.now();
      else onGained();
    }
    await this.#read();
    this.#say(lead !== null);
  }

  #say(leads: boolean): void {
    if (leads !== this.#said) this.#options.onLead?.(leads);
    this.#options.run.measures?.leads(leads);
    this.#said = leads;
  }

  async #find(): Promise<ScheduleRecord | undefined> {
    return (await this.#options.run.runs.schedules()).find(({ name }) => name === this.#name);
  }

  async #read(): Promise<void> {
    const { now } = this.#options.clock;
    const resumed = this.#record !== undefined && this.#record.pausedAt !== null;
    this.#record = await this.#find();
    this.#options.run.measures?.pausedAt(this.#record?.pausedAt ?? null);
    this.#since = Math.max(this.#since, this.#record?.since ?? 0);
    if (resumed && this.#record?.pausedAt === null) this.#floor = now();
    this.#sayPaused();
  }

  #sayPaused(): void {
    const pausedAt = this.#record?.pausedAt;
    if (pausedAt === undefined || pausedAt === this.#saidPaused) return;
    this.#saidPaused = pausedAt;
    this.#options.onPause?.(pausedAt);
  }

  /** @param earlyMs how long before it a time is taken as come */
  async #runDue(earlyMs: number): Promise<void> {
    if (!this.#lead) return;
    if (this.#record?.pausedAt !== null) await this.#read();
    if (this.#record?.pausedAt !== null) return;
    const now = this.#options.clock.now();
    const times = this.#due(now + earlyMs);
    if (times.length === 0) return;
    const ticks = await this.#ticksOf(times, now);
    const recorded = await this.#options.run.runs.tick(this.#lead, ticks);
    if (recorded === null) {
      // Who leads now, if anybody, is known at the next beat.
      this.#lead = null;
      return;
    }
    this.#atOnce = false;
    if (recorded.length === 0) await this.#read();
    // Of a schedule that was paused at this moment nothing was recorded.
    if (this.#record?.pausedAt === null) this.#since = times.at(-1)!;
    this.#carryOut(recorded);
  }

  /** Looks at the topic before a time comes, also so that the connection to its broker is there then. */
  #prepare(): void {
    const { schedule, run, clock } = this.#options;
    const next = schedule.next(clock.now());
    if (!this.#lead || next === null || next - clock.now() > PREPARE_MS) return;
    // What is wrong with it is said by the run.
    mayFetch(run).catch(() => {});
  }

  /** What has come due, oldest first. */
  #due(until: number): number[] {
    const { schedule } = this.#options;
    if (this.#atOnce) return dueTimes(schedule, 0, until, 1);
    const floor = this.#floor <= until ? this.#floor : 0;
    if (this.#since <= until) return dueTimes(schedule, Math.max(this.#since, floor), until, MAX_MISSED + 1);
    // The clock was set back: what has a run already is left out by the record, and nothing was missed.
    return dueTimes(schedule, Math.max(until - schedule.lateMs, floor), until, 1);
  }

  async #ticksOf(times: readonly number[], now: number): Promise<Tick[]> {
    const { run, ask, schedule, catchUp } = this.#options;
    const last = times.at(-1)!;
    const late = now - last > schedule.lateMs && !catchUp && !this.#atOnce;
    const lastState = late ? "missed" : this.#running === undefined ? "running" : "skipped";
    const ticks: Tick[] = [];
    for (const time of times) {
      const due = await newRun(run, "scheduled", ask(), { scheduledAt: time });
      ticks.push({ time, state: time === last ? lastState : "missed", run: due });
    }
    return ticks;
  }

  #carryOut(recorded: readonly Tick[]): void {
    const { begin, run } = this.#options;
    const missed = recorded.filter(({ state }) => state === "missed").map(({ time }) => time);
    if (missed.length > 0) {
      const [first, last] = [timeText(missed[0]!), timeText(missed.at(-1)!)];
      const text = missed.length === 1
        ? "The run of {first} was missed"
        : "{count} runs were missed, from {first} to {last}";
      log.warning(text, { count: missed.length, first, last });
      run.notify?.missed(missed);
    }
    for (const { state, time, run: due } of recorded) {
      if (state !== "running") run.measures?.leftOut(state);
      if (state === "running") this.#running = begin(due).finally(() => this.#running = undefined);
      if (state === "skipped") {
        log.warning("The run before is still under way: that of {time} is skipped", { time: timeText(time) });
      }
    }
  }
}

/**
 * What stands where, for `status`: each part is looked at by itself and within a limit of time, so that an end that is away
 * hides none of the others.
 */
import { sleep } from "../backoff.ts";
import type { Broker } from "../broker/broker.ts";
import { type Check, type Code, messageOf, UserpipeError } from "../errors.ts";
import type { Waiting } from "../ingest/outbox_logs.ts";
import type { Registry } from "../registry/registry.ts";
import type { Run, Runs, RunTarget, ScheduleRecord } from "../runs/runs.ts";
import type { Store } from "../store/store.ts";
import { type Listing, listLetters } from "./dead_letters.ts";
import { type GroupPosition, lagOf, positionsOf } from "./group_positions.ts";
import { seldom } from "./seldom.ts";

/** What was found, or why it is not known. */
export type Part<T> = { ok: true; value: T } | Unknown;

export interface Unknown {
  ok: false;
  why: string;
  hint: string;
  /** Of an end's error. */
  code?: Code;
  /** It is still being counted. */
  pending?: true;
}

export interface StatusOptions {
  broker: Broker;
  store: Store;
  /** Where one is named. */
  registry?: Registry;
  /** Opened when it is asked for. */
  runs: () => Promise<Runs>;
  /** null where there is none. */
  outbox: () => Promise<Waiting | null>;
  target: RunTarget;
  topic: string;
  deadLetterTopic: string;
  group: string;
  /** For each part. */
  limitMs: number;
  /**
   * What takes long (rows, dead letters) is asked for no sooner than so many times as long as it took; 20 where it is left
   * out. What is few is asked for within seconds all the same.
   */
  rest?: number;
  /** How long the first answer of those is waited for, in ms; as the others where it is left out. */
  countLimitMs?: number;
}

export interface Status {
  /** In ms since the epoch. */
  at: number;
  /** Of the target. */
  schedules: Part<ScheduleRecord[]>;
  /** The newest of the target, newest first. */
  runs: Part<Run[]>;
  /** How many of the target wait to be made. */
  queued: Part<QueuedCount>;
  /** The newest by which it is told whether the runs go well. */
  judged: Part<Run | null>;
  outbox: Part<Waiting | null>;
  topic: Part<TopicSize>;
  positions: Part<GroupPosition[]>;
  /** Records of the topic that the group has not carried. */
  lag: Part<number>;
  rows: Part<RowCount>;
  deadLetters: Part<LetterCount>;
  health: Health[];
}

export interface Health {
  component: "broker" | "store" | "runs" | "registry";
  part: Part<string>;
}

export interface TopicSize {
  partitions: number;
  /** What retention has left. */
  records: number;
}

export interface RowCount {
  rows: number;
  /** When they were counted, in ms since the epoch: what many rows took long to count is told for a while. */
  at: number;
}

export interface QueuedCount {
  /** Counted up to 10,000. */
  runs: number;
  /** Whether there are more. */
  more: boolean;
}

export interface LetterCount {
  /** Those that wait; where they are too many to be counted, all that were ever refused and are still there. */
  waiting: number;
  counted: boolean;
  /** Those that wait by what refused them; left out where they are not counted. */
  stages?: Listing["stages"];
}

const LAST_RUNS = 5;
/** More runs than this that wait are not counted for a glance. */
const MOST_QUEUED = 10_000;
/** More dead letters than this are not folded for a glance. */
const MOST_LETTERS = 10_000;

/** After an answer the next is asked for no sooner than twenty times as long as it took. */
const REST = 20;
/** But for each that was counted it rests no longer than this, in ms, where that is more than the least. */
const MOST_REST_MS = 1;
const LEAST_REST_MS = 5_000;
/** A count that is older, in ms, is told with its time. */
const CURRENT_MS = 10_000;
/** What takes long is waited for so long, in ms, before it is answered from before. */
const PATIENCE_MS = 200;

/**
 * Looks again and again with what it holds open: the parts that take long are asked for less often, and none is asked
 * again while it has not answered.
 */
export function statusOf(options: StatusOptions): () => Promise<Status> {
  const {
    broker,
    store,
    registry,
    target,
    topic,
    deadLetterTopic,
    group,
    limitMs,
    countLimitMs = limitMs,
    rest = REST,
  } = options;
  const look = <T>(work: () => Promise<T>) => {
    const asked = seldom(work);
    return () => part(asked, limitMs);
  };
  const count = <T>(work: () => Promise<T>, sizeOf: (value: T) => number) => {
    // The first of few may take long, on a machine that is busy: that is no reason to tell it for minutes.
    const mostRestMs = (value: T) => Math.max(LEAST_REST_MS, MOST_REST_MS * sizeOf(value));
    // One from before is there before it is given up.
    const asked = seldom(work, { rest, mostRestMs, patienceMs: Math.min(PATIENCE_MS, countLimitMs / 2) });
    // What is waited for so short a while is slow, not away.
    return () => part(asked, countLimitMs, countLimitMs < limitMs ? COUNTING : undefined);
  };
  const runs = <T>(work: (runs: Runs) => Promise<T>) => look(async () => await work(await options.runs()));
  const health = healthOf({ broker, store, runs: options.runs, registry, topic, limitMs });
  const parts = {
    schedules: runs((runs) => schedulesOf(runs, target)),
    runs: runs((runs) => runs.list({ target, limit: LAST_RUNS })),
    queued: count(async () => await queuedOf(await options.runs(), target), ({ runs }) => runs),
    judged: runs((runs) => judgedOf(runs, target)),
    outbox: look(options.outbox),
    topic: look(() => sizeOf(broker, topic)),
    positions: look(() => positionsOf(broker, topic, group)),
    rows: count(() => rowsOf(store), ({ rows }) => rows),
    deadLetters: count(() => lettersOf(broker, deadLetterTopic), ({ waiting }) => waiting),
  };
  return async () => {
    const [seen, found] = await Promise.all([allOf(parts), health()]);
    const { positions } = seen;
    const lag = positions.ok ? { ok: true as const, value: lagOf(positions.value) } : positions;
    return { at: Date.now(), ...seen, lag, health: found };
  };
}

const COUNTING = { ok: false, why: "it is still being counted", hint: "Wait until it is", pending: true } as const;

/** @param slow what is said where it takes longer */
async function part<T>(work: () => Promise<T>, limitMs: number, slow: Unknown = away(limitMs)): Promise<Part<T>> {
  const over = new AbortController();
  const tooSlow = sleep(limitMs, over.signal).then(() => slow);
  try {
    return await Promise.race([work().then((value) => ({ ok: true as const, value })), tooSlow]);
  } catch (error) {
    if (error instanceof UserpipeError) return { ok: false, why: error.message, hint: error.hint, code: error.code };
    return { ok: false, why: messageOf(error), hint: "This is a defect of userpipe: please report it" };
  } finally {
    over.abort();
  }
}

function away(limitMs: number): Unknown {
  return { ok: false, why: `it did not answer within ${limitMs / 1000} s`, hint: "See userpipe doctor" };
}

/** Asks all at once. */
async function allOf<T extends Record<string, unknown>>(looks: { [K in keyof T]: () => Promise<T[K]> }): Promise<T> {
  const entries = Object.entries(looks).map(async ([name, look]) => [name, await look()]);
  return Object.fromEntries(await Promise.all(entries));
}

/** Whether each end works: for `status`, and for whoever asks `/readyz`. */
export function healthOf(
  { broker, store, runs, registry, topic, limitMs }: Pick<
    StatusOptions,
    "broker" | "store" | "runs" | "registry" | "topic" | "limitMs"
  >,
): () => Promise<Health[]> {
  const look = (component: Health["component"], check: () => Promise<string>) => {
    const asked = seldom(check);
    return async () => ({ component, part: await part(asked, limitMs) });
  };
  const looks = [
    look("broker", () => brokerOf(broker, topic)),
    look("store", async () => detailOf(await store.check())),
    look("runs", async () => detailOf(await (await runs()).check())),
    ...registry === undefined ? [] : [look("registry", async () => detailOf(await registry.check()))],
  ];
  return () => Promise.all(looks.map((each) => each()));
}

/** @throws {UserpipeError} what the check found */
function detailOf(check: Check): string {
  if (!check.ok) throw check.error;
  return check.detail;
}

/** The topic first: the embedded broker's check would make its file, and looking makes none. */
async function brokerOf(broker: Broker, topic: string): Promise<string> {
  await broker.partitions(topic);
  return detailOf(await broker.check());
}

export async function schedulesOf(runs: Runs, target: RunTarget): Promise<ScheduleRecord[]> {
  return (await runs.schedules()).filter(({ target: { pipeline, broker, topic } }) =>
    pipeline === target.pipeline && broker === target.broker && topic === target.topic
  );
}

/** Whether what is not known of an end is so because it takes long, and not because the end does not answer. */
export function isCounted({ health }: Pick<Status, "health">, of: Health["component"], part: Part<unknown>): boolean {
  return !part.ok && part.pending === true && health.every(({ component, part }) => component !== of || part.ok);
}

/** Of its begin: rows that came meanwhile may be missing. */
async function rowsOf(store: Store): Promise<RowCount> {
  const at = Date.now();
  return { rows: await store.count(), at };
}

/** When the rows were counted, where that is too long ago to call them those of now. */
export function countedAt({ at }: RowCount, now: number): number | null {
  return now - at > CURRENT_MS ? at : null;
}

async function queuedOf(runs: Runs, target: RunTarget): Promise<QueuedCount> {
  const queued = await runs.list({ target, states: ["queued"], limit: MOST_QUEUED + 1 });
  return { runs: Math.min(queued.length, MOST_QUEUED), more: queued.length > MOST_QUEUED };
}

/** A run that a person cut short says nothing, nor does a page of a backfill. */
async function judgedOf(runs: Runs, target: RunTarget): Promise<Run | null> {
  const states = ["delivered", "to outbox", "failed", "missed"] as const;
  const [ended] = await runs.list({ target, kinds: ["scheduled", "manual"], states, limit: 1 });
  // Older ones do not matter, and a record may hold very many.
  const since = ended?.queuedAt;
  const [cut] = await runs.list({ target, kinds: ["scheduled"], states: ["interrupted"], since, limit: 1 });
  if (cut !== undefined && (ended === undefined || cut.queuedAt > ended.queuedAt)) return cut;
  return ended ?? null;
}

async function sizeOf(broker: Broker, topic: string): Promise<TopicSize> {
  const ranges = await broker.partitions(topic);
  return { partitions: ranges.length, records: ranges.reduce((sum, { start, end }) => sum + Number(end - start), 0) };
}

async function lettersOf(broker: Broker, topic: string): Promise<LetterCount> {
  const { records } = await sizeOf(broker, topic);
  if (records > MOST_LETTERS) return { waiting: records, counted: false };
  const { waiting, stages } = await listLetters({ broker, topic }, 0);
  return { waiting, counted: true, stages };
}

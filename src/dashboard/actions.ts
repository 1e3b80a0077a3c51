/** What the page can do, each as the command of the same name does it: trigger, retry, pause, resume, replay. */
import { newSeed } from "../ingest/run.ts";
import { scheduleName } from "../ingest/schedule.ts";
import { isLed, triggeredRun } from "../ingest/triggered.ts";
import { askedOf, openAsRecorded } from "../open.ts";
import type { RunTarget } from "../runs/runs.ts";
import { type ReplayCounts, replayLetters } from "../stream/replay.ts";
import { Refused } from "./asked.ts";
import type { ApiDeps } from "./deps.ts";
import { letterAt, lettersReplayed } from "./views/letters.ts";
import { noRun } from "./views/runs.ts";
import { perServer } from "./views/shared.ts";

/** What there is to answer where nothing is. */
type Done = Record<string, never>;

/** Letters that a replay names as refused again, and reasons that it counts by themselves. */
const MOST_NAMED = 20;
const MOST_REASONS = 100;
const OTHERS = "(all other reasons)";

/**
 * Queues what the schedule asked for last, to be made by the process that runs it.
 * @param count in place of the schedule's own
 * @throws {Refused} where none does
 */
export async function trigger({ ends, settings, target }: ApiDeps, count?: number): Promise<{ id: string }> {
  const runs = await ends.runs();
  if (!await isLed(runs, target)) throw nobodyRuns(target);
  const run = await triggeredRun({
    runs,
    target,
    openSource: (asked) => openAsRecorded(settings, asked),
    changes: () => count === undefined ? {} : { count },
    otherwise: () => askedOf(count === undefined ? settings : { ...settings, count }, newSeed()),
  });
  await (await ends.runsMade()).queue([run]);
  return { id: run.id };
}

function nobodyRuns({ topic }: RunTarget): Refused {
  return new Refused(
    409,
    "conflict",
    `No process runs a schedule for the topic "${topic}", so nobody would make the run`,
    "Start one with userpipe up or userpipe ingest --every 1m; userpipe trigger makes one run by itself",
  );
}

/** Queues the next attempt of a run that has ended. @throws {Refused} where it cannot be, or nobody would make it */
export async function retry({ ends }: ApiDeps, id: string): Promise<Done> {
  const runs = await ends.runs();
  const run = await runs.get(id);
  if (run === null) throw noRun(id);
  const { kind, target } = run;
  if (kind === "backfill") {
    const hint = `Make it with userpipe runs retry ${id.slice(0, 8)}, or by the same userpipe backfill`;
    throw new Refused(409, "conflict", "The pages of a backfill are made by whoever asks for them", hint);
  }
  if (!await isLed(runs, target)) throw nobodyRuns(target);
  const whyNot = await runs.retry(id);
  if (whyNot !== null) throw new Refused(409, "conflict", whyNot, `See userpipe runs show ${id.slice(0, 8)}`);
  return {};
}

/** Holds the schedule, or lets it go on. @throws {Refused} where none is on record */
export async function hold({ ends, target }: ApiDeps, paused: boolean): Promise<Done> {
  const name = scheduleName(target);
  if (await (await ends.runs()).pause(name, paused)) return {};
  const hint = "userpipe up, or userpipe ingest --every 1m, puts one there";
  throw new Refused(409, "conflict", `No schedule "${name}" is on record`, hint);
}

/** One of the three says which. */
export interface ReplayAsked {
  offset?: bigint;
  /** Those with this text in their reason, in capitals or not. */
  reason?: string;
  all?: true;
  /** Changes nothing; what the store or the topic would refuse is not found. */
  dryRun: boolean;
}

export interface Replayed extends ReplayCounts {
  /** As rows and to the topic. */
  replayed: number;
  /** The first of those that are refused again. */
  named: { offset: string; reason: string }[];
  /** How many are refused again of each reason, most first. */
  reasons: [reason: string, count: number][];
}

/** Two at once would put the same letters through twice, and mark them so. */
const underWay = perServer(() => ({ replay: false }));

/**
 * @param gone whoever asked is gone: ends behind the letters that are under way
 * @throws {Refused} where another is under way, or no letter waits at the offset; {UserpipeError} as `replayLetters`
 */
export async function replay(deps: ApiDeps, asked: ReplayAsked, gone: AbortSignal): Promise<Replayed> {
  const turn = underWay(deps);
  if (turn.replay) throw new Refused(409, "conflict", "A replay is under way", "Wait until it has ended");
  turn.replay = true;
  try {
    return await replayNow(deps, asked, gone);
  } finally {
    turn.replay = false;
    if (!asked.dryRun) lettersReplayed(deps);
  }
}

async function replayNow(deps: ApiDeps, { offset, reason, dryRun }: ReplayAsked, gone: AbortSignal): Promise<Replayed> {
  const { ends, names } = deps;
  const { broker, publisher, schemas } = await ends.publishing();
  const named: Replayed["named"] = [];
  const reasons = new Map<string, number>();
  const counts = await replayLetters({
    ...names,
    ...{ broker, publisher, schemas, store: await ends.store(), reason, offset, dryRun },
    stop: AbortSignal.any([gone, deps.stop]),
    abort: deps.stop,
    onRefused: ({ offset }, reason) => {
      if (named.length < MOST_NAMED) named.push({ offset: String(offset), reason });
      const counted = reasons.has(reason) || reasons.size < MOST_REASONS ? reason : OTHERS;
      reasons.set(counted, (reasons.get(counted) ?? 0) + 1);
    },
    onProgress: () => {},
  });
  const { rows, published, refused, elsewhere } = counts;
  if (offset !== undefined && rows + published + refused + elsewhere === 0) throw await noLetter(deps, offset);
  const mostFirst = [...reasons].sort(([, a], [, b]) => b - a);
  return { ...counts, replayed: rows + published, named, reasons: mostFirst };
}

async function noLetter(deps: ApiDeps, offset: bigint): Promise<Refused> {
  // It says so itself where there is no letter at all.
  await letterAt(deps, offset);
  const hint = "It was replayed, or a newer letter of the same record stands for it";
  return new Refused(409, "conflict", `The dead letter at offset ${offset} does not wait any more`, hint);
}

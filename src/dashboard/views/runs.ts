/** The runs on record and what comes next, as `runs` and `status` have them. */
import { nextTimes } from "../../ingest/schedule.ts";
import { seldom } from "../../query/seldom.ts";
import { schedulesOf } from "../../query/status.ts";
import type { RunDetails, RunKind, RunState, RunStats } from "../../runs/runs.ts";
import { Refused } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import type { RunsAnswer } from "../page/types.ts";
import { perServer } from "./shared.ts";

/** Runs in one answer, and where nothing is said. */
export const MOST_RUNS = 1_000;
export const USUAL_RUNS = 60;
/** Times of the schedule that are told. */
const NEXT = 3;
/** What the sums are of, in ms. */
const STATS_MS = 7 * 86_400_000;
/** The sums go over all those runs: asked no sooner than so many times as long as they took. */
const STATS_REST = 50;
const STATS_PATIENCE_MS = 500;

export interface RunsQuery {
  limit: number;
  states?: readonly RunState[];
  kinds?: readonly RunKind[];
}

/** The newest runs of the target. @throws {UserpipeError} as the record of runs */
export async function runs({ ends, target }: ApiDeps, { limit, states, kinds }: RunsQuery): Promise<RunsAnswer> {
  const record = await ends.runs();
  const [found, schedules] = await Promise.all([
    record.list({ target, states, kinds, limit }),
    schedulesOf(record, target),
  ]);
  const now = Date.now();
  const due = schedules.filter(({ pausedAt }) => pausedAt === null);
  const next = due.flatMap(({ definition }) => nextTimes(definition, now, NEXT)).sort((a, b) => a - b).slice(0, NEXT);
  return { runs: found, next, schedules };
}

/** One run whole. @throws {Refused} where there is none */
export async function run({ ends }: ApiDeps, id: string): Promise<RunDetails> {
  const found = await (await ends.runs()).get(id);
  if (found === null) throw noRun(id);
  return found;
}

export function noRun(id: string): Refused {
  return new Refused(404, "not-found", `No run "${id}" is on record`, "It may be removed: see userpipe runs");
}

const sums = perServer(({ ends }) =>
  seldom(async () => await (await ends.runs()).stats(Date.now() - STATS_MS), {
    rest: STATS_REST,
    patienceMs: STATS_PATIENCE_MS,
  })
);

/** Of the last seven days. @throws {UserpipeError} as the record of runs */
export async function stats(deps: ApiDeps): Promise<RunStats> {
  return await sums(deps)();
}

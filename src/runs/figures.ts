/** Figures over the runs on record, from sums that a database makes in one pass. */
import type { RunState, RunStats } from "./runs.ts";

export const DAY_MS = 86_400_000;

/** Of the runs of one state and day. */
export interface Sum {
  /** Since the epoch, in UTC. */
  day: number;
  state: RunState;
  runs: number;
  /** Of them, those that had an attempt. */
  attempted: number;
  fetched: number;
  published: number;
  refused: number;
}

/** How many last attempts took so long. */
export interface Took {
  ms: number;
  runs: number;
}

type Amount = Exclude<keyof Sum, "day" | "state">;

/** @param sums by day @param took by `ms` */
export function statsOf(sums: readonly Sum[], took: readonly Took[]): RunStats {
  const total = (name: Amount, states?: readonly RunState[]) => {
    const those = states === undefined ? sums : sums.filter(({ state }) => states.includes(state));
    return those.reduce((sum, each) => sum + each[name], 0);
  };
  const states = [...new Set(sums.map(({ state }) => state))];
  const made = total("attempted", states.filter((state) => state !== "running" && state !== "queued"));
  return {
    runs: total("runs"),
    states: Object.fromEntries(states.map((state) => [state, total("runs", [state])])),
    made,
    delivered: made === 0 ? null : total("attempted", ["delivered", "to outbox"]) / made,
    p50Ms: percentile(took, 0.5),
    p95Ms: percentile(took, 0.95),
    fetched: total("fetched"),
    published: total("published"),
    refused: total("refused"),
    days: daysOf(sums),
  };
}

/** The time that so large a share did not go beyond; null where there is none. */
function percentile(took: readonly Took[], share: number): number | null {
  const rank = share * took.reduce((sum, { runs }) => sum + runs, 0);
  let seen = 0;
  for (const { ms, runs } of took) {
    seen += runs;
    if (seen >= rank) return ms;
  }
  return null;
}

function daysOf(sums: readonly Sum[]): RunStats["days"] {
  const days = new Map<string, { day: string; runs: number; published: number }>();
  for (const { day: number, runs, published } of sums) {
    const day = new Date(number * DAY_MS).toISOString().slice(0, 10);
    const before = days.get(day) ?? { day, runs: 0, published: 0 };
    days.set(day, { day, runs: before.runs + runs, published: before.published + published });
  }
  return [...days.values()];
}

/** A record of runs of each kind and state, as commands find it. */
import { join } from "node:path";
import type { NewRun, RunEnd, RunKind } from "../../src/runs/runs.ts";
import { openSqliteRuns } from "../../src/runs/sqlite.ts";

export const TARGET = { pipeline: "users", broker: "embedded", topic: "users_created" } as const;
export const SCHEDULE = "users/users_created";

export function newRun(id: string, kind: RunKind, more: Partial<NewRun> = {}): NewRun {
  const request = { source: "https://randomuser.me", sourceKind: "http", seed: "s", page: 1, count: 100 } as const;
  return { id, kind, scheduledAt: null, target: TARGET, ...request, url: null, nat: null, ...more };
}

const COUNTS = { fetched: 100, published: 100, outbox: 0, refused: 0, bytes: 5_000 };
export const UNREACHED = 'Cannot reach "https://randomuser.me"';

function end(state: RunEnd["state"], more: Partial<RunEnd> = {}): RunEnd {
  return { ...COUNTS, state, again: false, endedAt: Date.now(), error: null, nextAt: null, ...more };
}

/** Below `cwd`: a schedule every minute, and a run of each state, of which the newest is queued. Ids begin with their state. */
export async function makeRecord(cwd: string): Promise<void> {
  const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"));
  try {
    const definition = { every: 60_000 };
    const lead = (await runs.lead({ name: SCHEDULE, text: "every 1m", definition, target: TARGET }))!;
    const minute = Math.floor(Date.now() / 60_000) * 60_000;
    const tick = (id: string, ago: number, state: "running" | "skipped" | "missed") => {
      const time = minute - ago * 60_000;
      return { time, state, run: newRun(id, "scheduled", { scheduledAt: time }) };
    };
    await runs.tick(lead, [
      tick("missed-1", 4, "missed"),
      tick("failed-1", 3, "running"),
      tick("skipped-1", 2, "skipped"),
      tick("outbox-1", 1, "running"),
    ]);
    await runs.log("failed-1", [{
      attempt: 1,
      at: Date.now(),
      level: "warning",
      text: "A first try \u001b[31mfailed",
    }]);
    const none = { fetched: 0, published: 0, bytes: 0 };
    await runs.end("failed-1", end("failed", { ...none, error: UNREACHED }));
    await runs.end("outbox-1", end("to outbox", { published: 0, outbox: 100 }));
    await runs.begin(newRun("delivered-1", "manual"));
    await runs.end("delivered-1", end("delivered", { published: 97, refused: 3 }));
    await runs.queue([newRun("queued-1", "backfill", { page: 17 })]);
    await runs.yield(lead);
  } finally {
    await runs.close();
  }
}

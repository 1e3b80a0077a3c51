/** The way of a record at a glance: what `status` has, and what the processes say of themselves, as the page's strip. */
import { nextTimes } from "../../ingest/schedule.ts";
import { countedAt, isCounted, type Part, type Status } from "../../query/status.ts";
import type { ApiDeps } from "../deps.ts";
import type { Way } from "../page/types.ts";
import { freshnessOf } from "./freshness.ts";
import type { LiveProcess } from "./live_window.ts";
import { liveWindow, perServer, statusNow } from "./shared.ts";
import { Flow } from "./way_flow.ts";
import { partsOf, startOf } from "./way_parts.ts";

/** Times of the schedule that are told. */
const NEXT = 3;

const flows = perServer(() => new Flow());

/** What is not known is null; which end is to blame, its part says. */
export async function way(deps: ApiDeps): Promise<Way> {
  const [status, processes] = await Promise.all([statusNow(deps), heard(deps)]);
  const now = Date.now();
  const flow = flows(deps).see(status);
  const { ends, names, settings } = deps;
  const named = { broker: (await ends.broker()).name, store: (await ends.store()).name, names, settings };
  const letters = valueOf(status.deadLetters);
  return {
    at: now,
    parts: partsOf({ status, processes, flow, ...named }),
    freshness: freshnessOf(processes, liveWindow(deps).processes),
    schedule: scheduleOf(status, now),
    lastRun: valueOf(status.runs)?.[0] ?? null,
    lastError: lastErrorOf(status),
    counting: {
      rows: isCounted(status, "store", status.rows),
      deadLetters: isCounted(status, "broker", status.deadLetters),
    },
    rows: valueOf(status.rows)?.rows ?? null,
    rowsCountedAt: status.rows.ok ? countedAt(status.rows.value, now) : null,
    deadLetters: letters?.waiting ?? null,
    outbox: valueOf(status.outbox)?.messages ?? null,
    lag: valueOf(status.lag),
    processes: processes.map(({ newest: { process, command, host, pid, at, residentBytes } }) => ({
      ...{ process, command, host, pid, at, residentBytes },
    })),
  };
}

/** The processes that live. Of a record that cannot be read its part says why, and nothing is known of them. */
async function heard(deps: ApiDeps): Promise<LiveProcess[]> {
  const window = liveWindow(deps);
  try {
    await window.refresh();
  } catch (error) {
    deps.log.debug("The live figures cannot be read: {error}", { error });
  }
  return window.living(Date.now());
}

function valueOf<T>(part: Part<T>): T | null {
  return part.ok ? part.value : null;
}

function scheduleOf({ schedules }: Status, now: number): Way["schedule"] {
  const schedule = valueOf(schedules)?.[0];
  if (schedule === undefined) return null;
  const { text, pausedAt, led, definition } = schedule;
  const next = pausedAt === null ? nextTimes(definition, now, NEXT) : [];
  return { text, pausedAt, led, next, start: startOf(schedule) };
}

/** Until a later run goes well. */
function lastErrorOf({ judged }: Status): Way["lastError"] {
  const run = valueOf(judged);
  if (run === null || run.error === null || run.state === "delivered") return null;
  return { run: run.id, error: run.error, at: run.endedAt ?? run.queuedAt };
}

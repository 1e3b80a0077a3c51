/** What `/metrics` says beside what the process counts itself: what waits, and when the schedule runs next. */
import { nextTimes } from "../ingest/schedule.ts";
import type { Looked } from "../metrics.ts";
import type { ApiDeps } from "./deps.ts";
import { statusNow } from "./views/shared.ts";

/** What is not known is left out. */
export async function lookedOf(deps: ApiDeps): Promise<Looked> {
  const { outbox, deadLetters, schedules, positions } = await statusNow(deps);
  const led = schedules.ok ? schedules.value.find((schedule) => schedule.led && schedule.pausedAt === null) : undefined;
  return {
    // An embedded broker has no outbox, in which nothing waits.
    outbox: outbox.ok ? outbox.value?.messages ?? 0 : undefined,
    deadLetters: deadLetters.ok ? deadLetters.value.waiting : undefined,
    nextRunAt: led && nextTimes(led.definition, Date.now(), 1)[0],
    lag: positions.ok ? positions.value : undefined,
  };
}

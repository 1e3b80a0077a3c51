/** What of a status is wrong, in sentences: what makes `status` exit with 1. */
import { outboxTroubles } from "../ingest/outbox_wording.ts";
import type { Run, ScheduleRecord } from "../runs/runs.ts";
import type { Part, Status } from "./status.ts";

/** Each with what to do. */
export interface Wrong {
  what: string;
  hint: string;
}

/**
 * A lag and dead letters are none by themselves: a stream may be catching up, and what was refused is where it belongs.
 */
export function wrongOf({ health, schedules, runs, judged, outbox, topic, lag, rows, deadLetters }: Status): Wrong[] {
  const unknown = [...health.map(({ part }) => part), schedules, runs, judged, outbox, topic, lag, rows, deadLetters]
    .flatMap((part: Part<unknown>) => part.ok ? [] : [{ what: part.why, hint: part.hint }]);
  const found = [
    ...(schedules.ok ? schedules.value.flatMap(wrongWithSchedule) : []),
    ...(judged.ok && judged.value !== null ? wrongWithRun(judged.value) : []),
    ...(outbox.ok && outbox.value !== null
      ? outboxTroubles(outbox.value).map(({ what, hint }) => ({ what, hint }))
      : []),
  ];
  // An end that is away is why several parts are not known.
  const named = new Map([...unknown, ...found].map((wrong) => [wrong.what, wrong]));
  return [...named.values()];
}

function wrongWithSchedule({ text, led, pausedAt }: ScheduleRecord): Wrong[] {
  if (led || pausedAt !== null) return [];
  return [{
    what: `No process runs the schedule ${text}`,
    hint: "Start one with userpipe ingest --every 1m or userpipe up, or hold it with userpipe pause",
  }];
}

function wrongWithRun({ id, state, error }: Run): Wrong[] {
  const short = id.slice(0, 8);
  const hint = `See userpipe runs show ${short}`;
  switch (state) {
    case "failed":
      return [{ what: `The last run failed${error === null ? "" : `: ${error}`}`, hint }];
    case "interrupted":
      return [{ what: "The last run was interrupted", hint: `A running ingest fetches it again. ${hint}` }];
    case "missed":
      return [{ what: "The last run was missed: no process ran its schedule at its time", hint }];
    default:
      return [];
  }
}

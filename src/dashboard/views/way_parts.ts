/** The five parts of the way: how each of them is, in a word and why, how fast it goes, what has passed and what waits. */
import { outboxTroubles } from "../../ingest/outbox_wording.ts";
import type { Names } from "../../open.ts";
import type { Health, Part, Status } from "../../query/status.ts";
import type { Run, ScheduleRecord } from "../../runs/runs.ts";
import type { Settings } from "../../settings.ts";
import type { Stage } from "../../stream/dead_letters.ts";
import type { PartState, WayPart } from "../page/types.ts";
import { type LiveProcess, passedOf, rateOf } from "./live_window.ts";
import type { Rates } from "./way_flow.ts";

export interface Seen {
  status: Status;
  /** Those that live. */
  processes: readonly LiveProcess[];
  flow: Rates;
  /** The names of the ends, for messages. */
  broker: string;
  store: string;
  names: Names;
  settings: Settings;
}

type State = Pick<WayPart, "state" | "why" | "hint">;

const FINE: State = { state: "fine" };

/** In the order of the way. */
export function partsOf(seen: Seen): WayPart[] {
  const { status, processes, flow } = seen;
  const streams = processes.filter(({ newest }) => newest.stream !== undefined);
  const carried = rateOf(processes, "rows") ?? flow.carried;
  return [
    {
      name: "source",
      title: sourceOf(seen),
      ...sourceState(seen),
      rate: rateOf(processes, "fetched"),
      passed: passedOf(processes, "fetched"),
      waits: lettersOf(status, "source"),
    },
    {
      name: "ingest",
      title: scheduleOf(status)?.text ?? "no schedule",
      ...ingestState(seen),
      rate: rateOf(processes, "published"),
      passed: passedOf(processes, "published"),
      waits: waitsOf("in the outbox", status.outbox, (waiting) => waiting?.messages ?? 0),
    },
    {
      name: "broker",
      title: seen.broker,
      ...endState(status.health, "broker"),
      rate: flow.published,
      passed: status.topic.ok ? status.topic.value.records : null,
      waits: waitsOf("not carried yet", status.lag, (lag) => lag),
    },
    {
      name: "stream",
      title: `group "${seen.settings.group}"`,
      ...streamState(seen, streams),
      rate: carried,
      passed: passedOf(processes, "rows"),
      waits: lettersOf(status, "stream"),
    },
    {
      name: "store",
      title: seen.store,
      ...endState(status.health, "store"),
      rate: carried,
      passed: status.rows.ok ? status.rows.value.rows : null,
      waits: lettersOf(status, "store"),
    },
  ];
}

function waitsOf<T>(what: string, part: Part<T>, count: (value: T) => number): WayPart["waits"] {
  return part.ok ? [{ what, count: count(part.value) }] : [];
}

/** Those that a part refused wait at that part; where they are too many to be told apart, at the stream. */
function lettersOf({ deadLetters }: Status, stage: Stage): WayPart["waits"] {
  if (!deadLetters.ok) return [];
  const { waiting, stages } = deadLetters.value;
  if (stages === undefined) return stage === "stream" ? [{ what: "dead letters of all parts", count: waiting }] : [];
  return [{ what: "dead letters", count: stages[stage] + (stage === "stream" ? stages.unknown : 0) }];
}

function scheduleOf({ schedules }: Status): ScheduleRecord | undefined {
  return schedules.ok ? schedules.value[0] : undefined;
}

/** Where records came from last; before the first run, where they are to come from. */
function sourceOf({ status: { runs }, settings, names: { pipeline } }: Seen): string {
  const last = runs.ok ? runs.value[0] : undefined;
  if (last !== undefined) return last.source;
  if (settings.file !== undefined) return settings.file;
  if (settings.generate !== undefined) return "the generator";
  return pipeline.request({ url: settings.url, results: 1, page: 1, seed: "" }).origin;
}

function endState(health: readonly Health[], which: Health["component"]): State {
  const { part } = health.find(({ component }) => component === which)!;
  return part.ok ? FINE : { state: "down", why: part.why, hint: part.hint };
}

/** The last run that says how it goes, where it failed; it blames the source where that gave nothing. */
function failureOf({ judged }: Status): Run | null {
  return judged.ok && judged.value?.state === "failed" ? judged.value : null;
}

function failed({ id, error }: Run): State {
  return { state: "down", why: error ?? "The last run failed", hint: `See userpipe runs show ${id.slice(0, 8)}` };
}

function sourceState({ status, processes }: Seen): State {
  const failure = failureOf(status);
  const brokerIsDown = status.health.some(({ component, part }) => component === "broker" && !part.ok);
  if (failure !== null && failure.fetched === 0 && !brokerIsDown) return failed(failure);
  const asked = scheduleOf(status)?.led === true || processes.some(({ newest }) => newest.ingest !== undefined);
  if (!asked) return { state: "idle", why: "No process fetches from it on a schedule" };
  const missing = missingTopic(status);
  return missing === undefined ? FINE : { ...missing, state: "waiting" };
}

/** Without it nothing that is fetched can be published. */
function missingTopic({ topic }: Status): State | undefined {
  if (topic.ok || topic.code !== "topic-missing") return undefined;
  return { state: "down", why: `Nothing can be published: ${topic.why}`, hint: topic.hint };
}

function ingestState({ status, processes }: Seen): State {
  const { schedules, outbox } = status;
  if (!schedules.ok) return { state: "down", why: schedules.why, hint: schedules.hint };
  const schedule = scheduleOf(status);
  if (schedule !== undefined && schedule.pausedAt !== null) {
    return { state: "waiting", why: "The schedule is paused", hint: "Resume it, also with userpipe resume" };
  }
  const failure = failureOf(status);
  if (failure !== null && failure.fetched > 0) return failed(failure);
  const waits = outbox.ok && outbox.value !== null ? outboxTroubles(outbox.value)[0] : undefined;
  if (waits !== undefined) return { state: waits.missing ? "down" : "waiting", why: waits.what, hint: waits.hint };
  if (schedule === undefined) {
    return {
      state: "idle",
      why: "No schedule is on record",
      hint: "Start one: userpipe up, or userpipe ingest --every 1m",
    };
  }
  if (!schedule.led) {
    const hint = `Start one: ${startOf(schedule)}, or userpipe up; or pause the schedule`;
    return { state: "down", why: `No process runs the schedule ${schedule.text}`, hint };
  }
  const missing = missingTopic(status);
  if (missing !== undefined) return missing;
  const said = processes.find(({ newest: { ingest } }) => ingest?.why !== undefined)?.newest.ingest;
  return said === undefined ? FINE : { state: "waiting", why: said.why };
}

/** The command that runs a schedule. */
export function startOf({ definition, text }: ScheduleRecord): string {
  if ("every" in definition) return `userpipe ingest --${text}`;
  return `userpipe ingest --cron "${definition.cron}" --time-zone ${definition.timeZone}`;
}

function streamState(seen: Seen, streams: readonly LiveProcess[]): State {
  const { status: { lag, health }, flow } = seen;
  for (const { newest: { stream } } of streams) {
    const { waiting, workers } = stream!;
    if (waiting !== undefined) return { state: "waiting", why: waiting.message, hint: waiting.hint };
    const worker = workers.find(({ why }) => why !== undefined);
    if (worker !== undefined) return { state: "waiting", why: `Worker ${worker.worker}: ${worker.why}` };
  }
  if (streams.length > 0) return FINE;
  if ((flow.carried ?? 0) > 0) {
    return { state: "fine", why: "A process of another record carries them: its lag and the rows are known, no more" };
  }
  const away = health.filter(({ part }) => !part.ok).map(({ component }) => component);
  if (away.length > 0 && seen.processes.some((process) => isToStream(process, seen))) {
    return { state: "waiting", why: `It begins by itself once this is mended: ${away.join(", ")}` };
  }
  const state: PartState = lag.ok && lag.value > 0 ? "waiting" : "idle";
  return { state, why: "No process carries the topic", hint: "Start one: userpipe up, or userpipe stream" };
}

/** Whether the process is one that streams into this table, for this group, and may not have begun. */
function isToStream({ newest: { command, ends } }: LiveProcess, { names: { table }, settings }: Seen): boolean {
  return command !== "ingest" && ends.group === settings.group && ends.table === `${table.keyspace}.${table.name}`;
}

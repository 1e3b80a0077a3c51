/** A status as lines for people, and as an object for programs. */
import { nextTimes } from "../ingest/schedule.ts";
import { timeText } from "../ingest/wording.ts";
import { shownText } from "../query/format.ts";
import { countedAt, type LetterCount, type Part, type QueuedCount, type Status } from "../query/status.ts";
import { wrongOf } from "../query/status_wrong.ts";
import type { ScheduleRecord } from "../runs/runs.ts";
import { namesOf } from "../open.ts";
import type { Settings } from "../settings.ts";
import { type Colour, paint, printColumns } from "./columns.ts";
import { nextLines } from "./next_times.ts";
import { plainRun, runColumns, troubleOf } from "./run_rows.ts";
import { counted, type Terminal } from "./terminal.ts";
import { isoTime, wholeSpan } from "./times.ts";

/** How many of the next times are shown. */
const NEXT = 3;
const NAME_WIDTH = 9;

export function statusLines(seen: Status, settings: Settings, terminal: Pick<Terminal, "colour" | "width">): string[] {
  const { colour, width } = terminal;
  const lines: string[] = [];
  const add = (name: string, text: string, as?: Colour) =>
    lines.push(`${paint(name.padEnd(NAME_WIDTH), "bold", colour)} ${paint(text, as, colour)}`);
  const addPart = <T>(name: string, part: Part<T>, line: (value: T) => readonly [string, Colour?]) => {
    if (part.ok) add(name, ...line(part.value));
    else add(name, "not known", "red");
  };
  const { topic, deadLetterTopic, table } = namesOf(settings);

  add("now", timeText(seen.at));
  lines.push(...verdictLines(seen, colour));
  addSchedules(seen, add);
  addPart("topic", seen.topic, ({ records, partitions }) => [
    `"${topic}": ${counted(records, "record")} in ${counted(partitions, "partition")}`,
  ]);
  addPart("lag", seen.lag, (lag) => [`${counted(lag, "record")} behind, group "${shownText(settings.group)}"`]);
  addPart("table", seen.rows, (count) => {
    const at = countedAt(count, seen.at);
    const old = at === null ? "" : `, counted ${wholeSpan(seen.at - at)} ago`;
    return [`${table.keyspace}.${table.name}: ${counted(count.rows, "row")}${old}`];
  });
  addPart("refused", seen.deadLetters, (letters) => lettersLine(letters, deadLetterTopic));
  addPart("outbox", seen.outbox, (waiting) => {
    if (waiting === null) return ["none: the broker is embedded"];
    const { messages, oldest } = waiting;
    if (messages === 0) return ["empty"];
    return [
      `${counted(messages, "record")} wait${oldest === null ? "" : `, the oldest for ${wholeSpan(seen.at - oldest)}`}`,
      "yellow",
    ];
  });
  for (const { component, part } of seen.health) {
    const [state, detail] = part.ok ? ["ok", part.value] : ["fail", part.why];
    lines.push(
      `${paint(component.padEnd(NAME_WIDTH), "bold", colour)} ${paint(state, part.ok ? "green" : "red", colour)}  ${
        shownText(detail)
      }`,
    );
  }
  if (seen.queued.ok && seen.queued.value.runs > 0) add("waiting", queuedText(seen.queued.value));
  if (seen.runs.ok && seen.runs.value.length > 0) {
    lines.push("");
    const print = (line: string) => lines.push(line);
    printColumns(runColumns(), seen.runs.value, { width, colour, print }, { below: troubleOf });
  }
  return lines;
}

function verdictLines(seen: Status, colour: boolean): string[] {
  const wrong = wrongOf(seen);
  if (wrong.length === 0) {
    return [`${paint("state".padEnd(NAME_WIDTH), "bold", colour)} ${paint("all is well", "green", colour)}`];
  }
  return wrong.flatMap(({ what, hint }) => [
    `${paint("wrong".padEnd(NAME_WIDTH), "red", colour)} ${shownText(what)}`,
    `${" ".repeat(NAME_WIDTH)} ${shownText(hint)}`,
  ]);
}

function addSchedules({ schedules, at }: Status, add: (name: string, text: string, as?: Colour) => void): void {
  if (!schedules.ok) return add("schedule", "not known", "red");
  if (schedules.value.length === 0) add("schedule", "none on record");
  for (const schedule of schedules.value) {
    add("schedule", `${shownText(schedule.text)}: ${leadText(schedule)}`, leadColour(schedule));
    if (schedule.pausedAt !== null) continue;
    nextLines(schedule.definition, at, NEXT).forEach((line, i) => add(i === 0 ? "next" : "", line));
  }
}

function leadText({ led, pausedAt }: ScheduleRecord): string {
  if (pausedAt !== null) return `paused since ${timeText(pausedAt)}${led ? "" : ", and no process runs it"}`;
  return led ? "running" : "no process runs it";
}

function leadColour({ led, pausedAt }: ScheduleRecord): Colour {
  if (pausedAt !== null) return "yellow";
  return led ? "green" : "red";
}

function queuedText({ runs, more }: QueuedCount): string {
  return `${more ? "more than " : ""}${counted(runs, "run")} queued`;
}

function lettersLine({ waiting, counted: exact }: LetterCount, topic: string): readonly [string, Colour?] {
  if (waiting === 0) return [`no dead letters wait in "${topic}"`];
  return [`${exact ? "" : "up to "}${counted(waiting, "dead letter")} in "${topic}"`, "yellow"];
}

/** For programs: what is not known is `{ "error", "hint" }` in its place. */
export function plainStatus(seen: Status, settings: Settings): Record<string, unknown> {
  const { topic, deadLetterTopic, table } = namesOf(settings);
  const wrong = wrongOf(seen);
  return {
    at: isoTime(seen.at),
    ok: wrong.length === 0,
    wrong,
    schedules: plain(seen.schedules, (schedules) => schedules.map((schedule) => plainSchedule(schedule, seen.at))),
    runs: plain(seen.runs, (runs) => runs.map(plainRun)),
    queued: plain(seen.queued, (queued) => queued),
    topic: plain(seen.topic, (size) => ({ name: topic, ...size })),
    lag: plain(seen.lag, (records) => ({ group: settings.group, records })),
    table: plain(
      seen.rows,
      ({ rows, at }) => ({ name: `${table.keyspace}.${table.name}`, rows, counted: isoTime(at) }),
    ),
    deadLetters: plain(seen.deadLetters, ({ waiting, counted }) => ({ topic: deadLetterTopic, waiting, counted })),
    outbox: plain(seen.outbox, (waiting) => waiting && { ...waiting, oldest: isoTime(waiting.oldest) }),
    health: Object.fromEntries(
      seen.health.map(({ component, part }) => [component, plain(part, (detail) => ({ detail }))]),
    ),
  };
}

function plain<T>(part: Part<T>, value: (value: T) => unknown): unknown {
  return part.ok ? value(part.value) : { error: part.why, hint: part.hint };
}

function plainSchedule({ name, text, led, pausedAt, lastTick, definition }: ScheduleRecord, now: number) {
  const next = pausedAt === null ? nextTimes(definition, now, NEXT).map(isoTime) : [];
  return { name, text, running: led, paused: isoTime(pausedAt), last: isoTime(lastTick), next };
}

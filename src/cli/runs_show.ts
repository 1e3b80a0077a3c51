/** `runs show`: one run whole, with each of its attempts and its log, which nothing folds away. */
import { EXIT, UserpipeError } from "../errors.ts";
import { shownText } from "../query/format.ts";
import type { Attempt, LogLine, RunDetails, Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import { formatOf } from "./answer.ts";
import { type Colour, type Column, paint, printColumns } from "./columns.ts";
import { askedText, idleMs, plainAttempt, plainRun, stateColour, tookMs, troubleOf } from "./run_rows.ts";
import { grouped, type Terminal } from "./terminal.ts";
import { bothTimes, isoTime, localTime, span } from "./times.ts";

export async function showRun(settings: Settings, terminal: Terminal, runs: Runs, prefix: string): Promise<number> {
  const format = formatOf(settings, terminal);
  if (format === "csv") {
    throw new UserpipeError("usage", "A whole run is no CSV", "Take --format json, or csv of the list");
  }
  const run = (await runs.get(await idOf(runs, prefix)))!;
  if (format === "table") printRun(run, terminal);
  else terminal.print(shownJson(plainDetails(run), terminal));
  return EXIT.done;
}

/**
 * The one id that begins so.
 * @throws {UserpipeError} `usage` where there is none, or more than one
 */
export async function idOf(runs: Runs, prefix: string): Promise<string> {
  const found = await runs.find(prefix);
  if (found.length === 1) return found[0]!;
  if (found.includes(prefix)) return prefix;
  if (found.length === 0) {
    throw new UserpipeError(
      "usage",
      `No run on record begins with "${prefix}"`,
      'See "userpipe runs" for those there are',
    );
  }
  throw new UserpipeError(
    "usage",
    `More than one run begins with "${prefix}": ${found.slice(0, 3).join(", ")}${found.length > 3 ? ", …" : ""}`,
    "Write more of its id",
  );
}

export function plainDetails(run: RunDetails): Record<string, unknown> {
  const log = run.log.map(({ attempt, at, level, text }) => ({ attempt, at: isoTime(at), level, text }));
  return { ...plainRun(run), tries: run.tries.map(plainAttempt), log };
}

/** On a terminal nothing of a record may steer it. */
export function shownJson(value: unknown, { interactive }: Terminal): string {
  const json = JSON.stringify(value);
  return interactive ? shownText(json) : json;
}

function printRun(run: RunDetails, terminal: Terminal): void {
  const { colour } = terminal;
  const line = (name: string, text: string, as?: Colour) =>
    terminal.print(`${paint(name.padEnd(9), "bold", colour)} ${paint(text, as, colour)}`);
  const { target, scheduledAt, queuedAt, startedAt, endedAt } = run;
  line("run", run.id);
  line("state", run.state, stateColour(run));
  if (run.error !== null) line("error", shownText(run.error), "red");
  line("kind", run.kind);
  if (scheduledAt !== null) line("scheduled", bothTimes(scheduledAt));
  else line("queued", bothTimes(queuedAt));
  if (startedAt !== null) line("started", `${bothTimes(startedAt)}${lateText(startedAt, scheduledAt)}`);
  if (endedAt !== null) line("ended", bothTimes(endedAt));
  const took = tookMs(run);
  if (took !== null) line("took", `${span(took)}${idleText(run)}`);
  line("asked for", askedText(run));
  if (run.url !== null) line("address", shownText(run.url));
  line("target", shownText(`topic "${target.topic}" of the ${target.broker} broker, pipeline ${target.pipeline}`));
  if (run.tries.length > 0) {
    printColumns(TRIES, run.tries, printer(terminal), {
      below: ({ error }) => error === run.error ? undefined : troubleOf({ error }),
    });
  }
  if (run.log.length > 0) terminal.print(paint("log", "bold", colour));
  for (const each of run.log) terminal.print(logLine(each, colour));
}

function printer(terminal: Terminal) {
  // Errors stand whole: the terminal breaks their lines.
  return { width: Infinity, colour: terminal.colour, print: (line: string) => terminal.print(line) };
}

const TRIES: readonly Column<Attempt>[] = [
  { name: "try", cell: ({ number }) => String(number) },
  { name: "started", cell: ({ startedAt }) => localTime(startedAt) },
  { name: "took", right: true, cell: ({ startedAt, endedAt }) => endedAt === null ? "" : span(endedAt - startedAt) },
  { name: "fetched", right: true, cell: ({ fetched }) => grouped(fetched) },
  { name: "published", right: true, cell: ({ published }) => grouped(published) },
  { name: "outbox", right: true, cell: ({ outbox }) => grouped(outbox) },
  { name: "refused", right: true, cell: ({ refused }) => grouped(refused) },
  { name: "next try", cell: ({ nextAt }) => nextAt === null ? "" : localTime(nextAt).slice(11) },
];

const LEVELS: Partial<Record<LogLine["level"], Colour>> = { debug: "dim", warning: "yellow", error: "red" };

function logLine({ attempt, at, level, text }: LogLine, colour: boolean): string {
  const time = `${localTime(at).slice(11)}.${String(at % 1000).padStart(3, "0")}`;
  return `  ${time} #${attempt} ${paint(level.padEnd(7), LEVELS[level], colour)} ${shownText(text)}`;
}

/** What went by between its attempts is told apart. */
function idleText(run: RunDetails): string {
  return run.attempts > 1 ? `, and ${span(idleMs(run))} between its ${grouped(run.attempts)} attempts` : "";
}

/** How long after its time a scheduled run began. */
function lateText(startedAt: number, scheduledAt: number | null): string {
  if (scheduledAt === null) return "";
  const late = startedAt - scheduledAt;
  return late < 60_000 ? `, ${Math.max(0, late)} ms after its time` : `, ${span(late)} after its time`;
}

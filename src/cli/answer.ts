/** How a command prints what it found: in the format that was asked for, else by where it goes. */
import { type Format, printRows } from "../query/format.ts";
import type { Answer } from "../query/query.ts";
import type { Settings } from "../settings.ts";
import { counted, type Terminal } from "./terminal.ts";

/** The format that was asked for, else a table for people and lines of JSON for programs. */
export function formatOf({ format }: Settings, { interactive }: Terminal): Format {
  return format ?? (interactive ? "table" : "ndjson");
}

export interface AnswerOptions {
  /** What a row is: below a table then stands how many there are, unless there is one. */
  noun?: string;
  cutLast?: boolean;
  /** Columns of a table; the terminal's where it is left out. */
  width?: number;
}

export async function printAnswer(
  { columns, pages }: Answer,
  format: Format,
  terminal: Terminal,
  { noun, cutLast, width = terminal.width }: AnswerOptions = {},
): Promise<void> {
  const { interactive, colour } = terminal;
  const print = (line: string) => terminal.print(line);
  const rows = await printRows(columns, pages, { format, width, colour, terminal: interactive, cutLast, print });
  if (noun !== undefined && format === "table" && rows !== 1) terminal.print(`(${counted(rows, noun)})`);
}

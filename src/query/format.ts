/** Rows for people and for programs: a table, lines as they come, JSON, lines of JSON, or CSV. */
import Table from "cli-table3";
import { shown } from "../shown.ts";

/** `lines` is a table of rows that go on coming: each is one line, as wide as the terminal. */
export type Format = "table" | "lines" | "json" | "ndjson" | "csv";

export interface FormatOptions {
  format: Format;
  /** Columns of the terminal: rows wider than it are shown one under the other. */
  width: number;
  colour: boolean;
  /** It is printed on a terminal, which no value may steer: JSON and CSV are escaped as well. */
  terminal: boolean;
  /** A table's last column has what room the others leave, and is cut where that is not enough. */
  cutLast?: boolean;
  print: (line: string) => void;
}

/** A table is laid out over this many rows at a time, which bounds what is held. */
const TABLE_ROWS = 500;
/** In a table a longer cell is cut. */
const CELL_WIDTH = 40;
/** A last column that is cut to its room is no narrower. */
const LEAST_WIDTH = 20;

/** Prints pages of rows as they come. A JSON array is printed as it grows. @returns how many rows there were */
export async function printRows(
  columns: readonly string[],
  pages: AsyncIterable<readonly (readonly unknown[])[]>,
  options: FormatOptions,
): Promise<number> {
  const printer = PRINTERS[options.format](columns, options);
  let count = 0;
  for await (const rows of pages) {
    count += rows.length;
    printer.rows(rows);
  }
  printer.end();
  return count;
}

interface Printer {
  rows(rows: readonly (readonly unknown[])[]): void;
  end(): void;
}

type PrinterOf = (columns: readonly string[], options: FormatOptions) => Printer;

const PRINTERS: Record<Format, PrinterOf> = {
  ndjson: (columns, { print, terminal }) => ({
    rows: (rows) => rows.forEach((row) => print(jsonOf(columns, row, terminal))),
    end: () => {},
  }),
  json: (columns, { print, terminal }) => {
    let held: string | undefined;
    const open = () => held === undefined ? print("[") : print(`  ${held},`);
    return {
      rows: (rows) =>
        rows.forEach((row) => {
          open();
          held = jsonOf(columns, row, terminal);
        }),
      end: () => {
        if (held === undefined) return print("[]");
        print(`  ${held}`);
        print("]");
      },
    };
  },
  csv: (columns, { print, terminal }) => {
    const line = (cells: readonly unknown[]) => print(cells.map((cell) => csvCell(cell, terminal)).join(","));
    line(columns);
    return { rows: (rows) => rows.forEach(line), end: () => {} };
  },
  table: (columns, options) => {
    let held: (readonly unknown[])[] = [];
    let printed: number | undefined;
    const flush = () => {
      options.print(layOut(columns, held, printed ?? 0, options));
      printed = (printed ?? 0) + held.length;
      held = [];
    };
    return {
      rows: (rows) => {
        for (const row of rows) {
          held.push(row);
          if (held.length === TABLE_ROWS) flush();
        }
      },
      end: () => {
        if (held.length > 0 || printed === undefined) flush();
      },
    };
  },
  lines: (columns, { print, width }) => {
    let widths: number[] | undefined;
    const line = (cells: readonly string[]) => {
      const padded = cells.map((cell, i) => i + 1 < cells.length ? cell.padEnd(widths![i]!) : cell);
      print(cut(padded.join("  "), width));
    };
    return {
      rows: (rows) => {
        const cells = rows.map((row) => row.map(shownText));
        const before = widths;
        // Columns only grow, so that most lines stand below each other.
        widths = columns.map((column, i) =>
          Math.max(before?.[i] ?? column.length, ...cells.map((row) => row[i]!.length))
        );
        if (before === undefined) line(columns);
        cells.forEach(line);
      },
      end: () => {},
    };
  },
};

function jsonOf(columns: readonly string[], row: readonly unknown[], escaped: boolean): string {
  const json = JSON.stringify(Object.fromEntries(columns.map((column, i) => [column, row[i]])), plainJson);
  return escaped ? shown(json) : json;
}

/** What JSON has no form for: bigint as its digits. */
function plainJson(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

/** RFC 4180. */
function csvCell(value: unknown, escaped: boolean): string {
  const text = escaped ? shownText(value) : textOf(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value, plainJson) : String(value);
}

/** A value in a text, with what could steer a terminal escaped. */
export function shownText(value: unknown): string {
  return shown(textOf(value));
}

/** @param before how many rows were laid out before these */
function layOut(
  names: readonly string[],
  rows: readonly (readonly unknown[])[],
  before: number,
  options: FormatOptions,
): string {
  const columns = names.map(shownText);
  const whole = rows.map((row) => row.map(shownText));
  const last = columns.length - 1;
  const room = options.cutLast ? lastRoom(columns, whole, options.width) : CELL_WIDTH;
  const cells = whole.map((row) => row.map((text, i) => cut(text, i === last ? room : CELL_WIDTH)));
  if (widthOf(columns, cells) <= options.width) return table(columns, cells, options.colour);
  const named = Math.max(...columns.map((column) => column.length));
  if (rows.length === 0) return columns.map((column) => `${column.padEnd(named)} │`).join("\n");
  return whole.map((row, n) => {
    const lines = row.map((text, i) => `${columns[i]!.padEnd(named)} │ ${text}`);
    return [`── row ${before + n + 1} `.padEnd(named + 20, "─"), ...lines].join("\n");
  }).join("\n");
}

/** What the other columns leave to the last one. */
function lastRoom(columns: readonly string[], cells: readonly string[][], width: number): number {
  const others = cells.map((row) => row.slice(0, -1).map((text) => cut(text, CELL_WIDTH)));
  return Math.max(LEAST_WIDTH, columns.at(-1)!.length, width - widthOf(columns.slice(0, -1), others) - 3);
}

/** Columns of the terminal that a table takes, its frame included. */
function widthOf(columns: readonly string[], cells: readonly (readonly string[])[]): number {
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((row) => row[i]!.length)));
  return widths.reduce((sum, width) => sum + width + 3, 1);
}

function table(columns: readonly string[], cells: string[][], colour: boolean): string {
  const style = { head: colour ? ["bold"] : [], border: [] };
  // No line between rows.
  const chars = { "mid": "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const laid = new Table({ head: [...columns], style, chars });
  laid.push(...cells);
  return laid.toString();
}

/** At most so many characters of the text, with an ellipsis where it is cut. */
export function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

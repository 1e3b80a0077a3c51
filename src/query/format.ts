/** Rows for people and for programs: a table, JSON, lines of JSON, or CSV. */
import Table from "cli-table3";

export type Format = "table" | "json" | "ndjson" | "csv";

export interface FormatOptions {
  format: Format;
  /** Columns of the terminal: rows wider than it are shown one under the other. */
  width: number;
  colour: boolean;
  print: (line: string) => void;
}

/** A table is laid out over this many rows at a time, which bounds what is held. */
const TABLE_ROWS = 500;
/** In a table a longer cell is cut. */
const CELL_WIDTH = 40;

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
  ndjson: (columns, { print }) => ({
    rows: (rows) => rows.forEach((row) => print(jsonOf(columns, row))),
    end: () => {},
  }),
  json: (columns, { print }) => {
    let held: string | undefined;
    const open = () => held === undefined ? print("[") : print(`  ${held},`);
    return {
      rows: (rows) =>
        rows.forEach((row) => {
          open();
          held = jsonOf(columns, row);
        }),
      end: () => {
        if (held === undefined) return print("[]");
        print(`  ${held}`);
        print("]");
      },
    };
  },
  csv: (columns, { print }) => {
    print(columns.map(csvCell).join(","));
    return { rows: (rows) => rows.forEach((row) => print(row.map(csvCell).join(","))), end: () => {} };
  },
  table: (columns, options) => {
    let held: (readonly unknown[])[] = [];
    let printed = false;
    const flush = () => {
      options.print(layOut(columns, held, options));
      held = [];
      printed = true;
    };
    return {
      rows: (rows) => {
        for (const row of rows) {
          held.push(row);
          if (held.length === TABLE_ROWS) flush();
        }
      },
      end: () => {
        if (held.length > 0 || !printed) flush();
      },
    };
  },
};

function jsonOf(columns: readonly string[], row: readonly unknown[]): string {
  return JSON.stringify(Object.fromEntries(columns.map((column, i) => [column, row[i]])), plainJson);
}

/** What JSON has no form for: bigint as its digits. */
function plainJson(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

/** RFC 4180. */
function csvCell(value: unknown): string {
  const text = textOf(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value, plainJson) : String(value);
}

/** A record's text is data: control and direction characters, which could steer a terminal, are shown escaped. */
export function shownText(value: unknown): string {
  // deno-lint-ignore no-control-regex
  return textOf(value).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function layOut(names: readonly string[], rows: readonly (readonly unknown[])[], options: FormatOptions): string {
  const columns = names.map(shownText);
  const cells = rows.map((row) => row.map((value) => cut(shownText(value))));
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((row) => row[i]!.length)));
  const total = widths.reduce((sum, width) => sum + width + 3, 1);
  if (total <= options.width) return table(columns, cells, options.colour);
  const named = Math.max(...columns.map((column) => column.length));
  return rows.map((row, n) => {
    const lines = row.map((value, i) => `${columns[i]!.padEnd(named)} │ ${shownText(value)}`);
    return [`── row ${n + 1} `.padEnd(named + 20, "─"), ...lines].join("\n");
  }).join("\n");
}

function table(columns: readonly string[], cells: string[][], colour: boolean): string {
  const style = { head: colour ? ["bold"] : [], border: [] };
  // No line between rows.
  const chars = { "mid": "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const laid = new Table({ head: [...columns], style, chars });
  laid.push(...cells);
  return laid.toString();
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length <= CELL_WIDTH ? text : `${characters.slice(0, CELL_WIDTH - 1).join("")}…`;
}

/** Rows for people where a line may stand below a row: plain columns, in colour, no wider than the terminal. */
import { cut } from "../query/format.ts";
import type { Terminal } from "./terminal.ts";

/** Of SGR, https://www.ecma-international.org/publications-and-standards/standards/ecma-48. */
export const COLOURS = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Colour = keyof typeof COLOURS;

export function paint(text: string, colour: Colour | undefined, wanted: boolean): string {
  return wanted && colour !== undefined ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
}

export interface Column<T> {
  name: string;
  /** Numbers stand to the right. */
  right?: boolean;
  cell(row: T): string;
  colour?(row: T): Colour | undefined;
  /** Shown only where the terminal has so many columns, or fewer than so many. */
  from?: number;
  until?: number;
}

export interface ColumnsOptions<T> {
  /** A line below the row: what is wrong with it. */
  below?: (row: T) => string | undefined;
}

export function printColumns<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  { print, width, colour }: Pick<Terminal, "width" | "colour"> & { print: (line: string) => void },
  { below }: ColumnsOptions<T> = {},
): void {
  const shown = columns.filter(({ from = 0, until }) => width >= from && (until === undefined || width < until));
  const cells = rows.map((row) => shown.map(({ cell }) => cell(row)));
  const widths = shown.map(({ name }, i) => Math.max(name.length, ...cells.map((row) => row[i]!.length)));
  const padded = (text: string, i: number) => {
    if (shown[i]!.right) return text.padStart(widths[i]!);
    return i + 1 < shown.length ? text.padEnd(widths[i]!) : text;
  };
  print(paint(shown.map(({ name }, i) => padded(name, i)).join("  "), "bold", colour));
  rows.forEach((row, n) => {
    const line = shown.map((column, i) => paint(padded(cells[n]![i]!, i), column.colour?.(row), colour));
    print(line.join("  ").trimEnd());
    const more = below?.(row);
    if (more !== undefined) print(`  ${paint(cut(more, width - 2), "red", colour)}`);
  });
}

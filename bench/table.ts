/** What a figure gives: a table whose cells are all runs of one thing, shown as the median with least and most. */
import { Failure } from "./failure.ts";

/** How a cell is written. */
export interface Column {
  name: string;
  /** Digits behind the point. */
  digits: number;
}

export interface Row {
  name: string;
  /** All runs, a column each; an empty one is not known. */
  cells: (readonly number[])[];
}

export interface Table {
  title: string;
  columns: readonly Column[];
  rows: Row[];
  /** What has to be known to read it. */
  notes?: string[];
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between two values it is their mean by weight. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}

/** For a column that not every platform has. */
export function known(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}

function cell(values: readonly number[], { digits }: Column): string {
  if (values.length === 0) return "";
  const text = (value: number) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (values.length === 1) return text(values[0]!);
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

/** Head and rows; a column that nothing is known of is left out. */
function texts({ columns, rows }: Table): string[][] {
  const shown = columns.map((column, i) => ({ ...column, i })).filter(({ i }) =>
    rows.some(({ cells }) => cells[i]?.length)
  );
  return [
    ["", ...shown.map(({ name }) => name)],
    ...rows.map(({ name, cells }) => [name, ...shown.map((column) => cell(cells[column.i] ?? [], column))]),
  ];
}

/** For a terminal. */
export function plain(table: Table): string {
  const lines = texts(table);
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const padded = lines.map((line) =>
    line.map((text, i) => i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)).join("  ").trimEnd()
  );
  return [table.title, ...padded, ...table.notes ?? []].join("\n");
}

/** For the README. */
export function markdown(table: Table): string {
  const lines = texts(table);
  const [head, ...rows] = lines.map((line) => `| ${line.join(" | ")} |`);
  const rule = `|---|${"---:|".repeat(lines[0]!.length - 1)}`;
  return [`**${table.title}**`, "", head, rule, ...rows, ...(table.notes ?? []).flatMap((note) => ["", note])].join(
    "\n",
  );
}

const [BEGIN, END] = ["<!-- bench:begin -->", "<!-- bench:end -->"];

/** The text with what stands between the marks replaced. @throws {Failure} where the marks are not there */
export function replaced(text: string, block: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Failure(`There is no block from ${BEGIN} to ${END} to write the figures into`);
  return `${text.slice(0, from)}${BEGIN}\n${block}\n${text.slice(to)}`;
}

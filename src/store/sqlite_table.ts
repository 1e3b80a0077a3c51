/**
 * The table as SQLite has it: rows with their write time and expiry in `<table>_rows`, and a view with the
 * table's own name that people query. Says what `init` has to do, and how a table that is there differs.
 */
import { UserpipeError } from "../errors.ts";
import type { Column, ColumnType, Table } from "../pipeline.ts";
import type { Database } from "../sqlite.ts";

/** Columns of `<table>_rows` that the view leaves out. */
const INTERNAL = ["write_time", "expires"];

/** A time is kept as its text, which orders as the time does. */
const TYPES: Record<ColumnType, string> = {
  uuid: "UUID TEXT",
  text: "TEXT",
  double: "DOUBLE",
  timestamp: "TIMESTAMP TEXT",
};

/** The condition that a row has not expired (`expires` is in seconds since the epoch). */
export const LIVE = "(expires IS NULL OR expires > unixepoch())";

/** What `init` has to run, in order; none where the table is as it should be. */
export interface Plan {
  state: "make" | "change" | "none";
  statements: string[];
  detail?: string;
}

interface Difference {
  text: string;
  /** The column to add, where that mends it. */
  missing?: Column;
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The physical table, quoted. */
export function rowsTable(table: Table): string {
  return quote(`${table.name}_rows`);
}

/** The table as people name it, for messages. */
export function tableName(table: Table): string {
  return `"${table.keyspace}.${table.name}"`;
}

/**
 * @param db none where the file is not there
 * @throws {UserpipeError} `table-differs` where `migrate` is off or cannot mend it
 */
export function plan(db: Database | undefined, table: Table, migrate: boolean): Plan {
  const existing = db === undefined ? [] : columnsOf(db, `${table.name}_rows`);
  if (existing.length === 0) return { state: "make", statements: [...createRows(table), createView(table, [])] };
  const differences = differencesOf(existing, table);
  const missing = differences.flatMap(({ missing }) => missing ?? []);
  if (missing.length < differences.length || (missing.length > 0 && !migrate)) throw differs(table, differences);
  const viewed = columnsOf(db!, table.name).map(({ name }) => name);
  if (table.columns.every(({ name }) => viewed.includes(name))) return { state: "none", statements: [] };
  const extra = existing.map(({ name }) => name).filter((name) =>
    !INTERNAL.includes(name) && !table.columns.some((column) => column.name === name)
  );
  return {
    state: "change",
    statements: [
      ...missing.map((column) => `ALTER TABLE ${rowsTable(table)} ADD COLUMN ${columnSql(column)}`),
      `DROP VIEW IF EXISTS ${quote(table.name)}`,
      createView(table, extra),
    ],
    detail: missing.map(({ name }) => `column "${name}" added`).join(", ") || "the view made again",
  };
}

/** @throws {UserpipeError} `store-missing` or `table-differs` unless rows can be written to the table and read from it */
export function assertTable(db: Database, table: Table): void {
  const existing = columnsOf(db, `${table.name}_rows`);
  if (existing.length === 0) throw missingTable(table, db.path);
  const differences = differencesOf(existing, table);
  if (differences.length > 0) throw differs(table, differences);
}

/** @param path of the file, which need not be there */
export function missingTable(table: Table, path: string): UserpipeError {
  const hint = 'Run "userpipe init" with the same keyspace, table and data folder';
  return new UserpipeError("store-missing", `There is no table ${tableName(table)} in "${path}"`, hint);
}

function differs(table: Table, differences: readonly Difference[]): UserpipeError {
  const mendable = differences.every(({ missing }) => missing !== undefined);
  return new UserpipeError(
    "table-differs",
    `The table ${tableName(table)} differs: ${differences.map(({ text }) => text).join(", ")}`,
    mendable
      ? `"userpipe init --migrate" adds ${differences.length === 1 ? "it" : "them"}`
      : "Name another table with --table, or another folder with --data-dir",
  );
}

function differencesOf(existing: readonly Existing[], table: Table): Difference[] {
  return table.columns.flatMap((column, index): Difference[] => {
    const found = existing.find(({ name }) => name === column.name);
    if (found === undefined) return [{ text: `column "${column.name}" is missing`, missing: column }];
    if (found.type !== column.type) return [{ text: `column "${column.name}" is ${found.type}, not ${column.type}` }];
    if (found.key === (index === 0)) return [];
    return [{ text: `column "${column.name}" is ${found.key ? "the" : "not the"} primary key` }];
  });
}

interface Existing {
  name: string;
  /** By CQL's name where it has one. */
  type: string;
  key: boolean;
}

function columnsOf(db: Database, name: string): Existing[] {
  return db.prepare("SELECT name, type, pk FROM pragma_table_info(?)").all(name).map(({ name, type, pk }) => {
    const known = Object.entries(TYPES).find(([, sql]) => sql === type);
    return { name: String(name), type: known?.[0] ?? String(type).toLowerCase(), key: pk === 1 };
  });
}

function columnSql({ name, type }: Column): string {
  return `${quote(name)} ${TYPES[type]}`;
}

function createRows(table: Table): string[] {
  const [key, ...others] = table.columns;
  const columns = [`${columnSql(key!)} PRIMARY KEY NOT NULL`, ...others.map(columnSql)];
  columns.push("write_time INTEGER NOT NULL", "expires INTEGER");
  return [
    `CREATE TABLE ${rowsTable(table)} (\n  ${columns.join(",\n  ")}\n)`,
    `CREATE INDEX ${quote(`${table.name}_expires`)} ON ${rowsTable(table)} (expires) WHERE expires IS NOT NULL`,
  ];
}

function createView(table: Table, extra: readonly string[]): string {
  const names = [...table.columns.map(({ name }) => name), ...extra].map(quote);
  return `CREATE VIEW ${quote(table.name)} AS SELECT ${names.join(", ")} FROM ${rowsTable(table)} WHERE ${LIVE}`;
}

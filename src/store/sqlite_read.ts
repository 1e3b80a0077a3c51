/** Reading the embedded store without SQL of the user's: counts, scans, and rows by key. */
import type { Table, Value } from "../pipeline.ts";
import { clean, PAGE_ROWS, Pages, turn, whole } from "./sqlite_cells.ts";
import type { KeyspaceFile } from "./sqlite_file.ts";
import { LIVE, quote, rowsTable } from "./sqlite_table.ts";
import type { StoredRow } from "./store.ts";

/** Keys looked up by one statement. */
const KEYS = 500;

/** A count goes by ranges of the key: before "01", "01" to "02", … "ff" and all after it. */
const RANGES = 256;

/** Larger than every text, as SQLite orders values. */
const AFTER_ALL = new Uint8Array(0);

/** Counts the keys in the index, range by range, less those that have expired. */
export async function count(file: KeyspaceFile, onProgress?: (share: number, rows: number) => void): Promise<number> {
  const key = quote(file.table.columns[0]!.name);
  const rows = rowsTable(file.table);
  let total = 0;
  for (let range = 0; range < RANGES; range++) {
    const statement = file.prepare(`SELECT count(*) FROM ${rows} WHERE ${key} >= ? AND ${key} < ?`);
    total += only(statement.get(range === 0 ? "" : bound(range), range + 1 < RANGES ? bound(range + 1) : AFTER_ALL));
    onProgress?.(range / RANGES, total);
    await turn();
  }
  total -= only(file.prepare(`SELECT count(*) FROM ${rows} WHERE expires <= unixepoch()`).get());
  onProgress?.(1, total);
  return total;
}

/** The rows that were there when it began, in the order in which they were first written. */
export async function* scan(
  file: KeyspaceFile,
  columns: readonly string[],
  onProgress?: (share: number, rows: number) => void,
): AsyncGenerator<Value[][]> {
  const rows = rowsTable(file.table);
  const last = only(file.prepare(`SELECT coalesce(max(rowid), 0) FROM ${rows}`).get());
  const sql = `SELECT ${columns.map(whole).join(", ")}, rowid FROM ${rows}` +
    ` WHERE rowid > ? AND rowid <= ? AND ${LIVE} ORDER BY rowid LIMIT ${PAGE_ROWS}`;
  let seen = 0;
  for (let after = 0; after < last;) {
    // No read transaction outlives a page: one that did would keep the write-ahead log from being emptied.
    const pages = new Pages((sql) => file.prepare(sql), sql, columns.length + 1, after, last);
    const page = pages.next();
    pages.close();
    for (const row of page) after = row.pop() as number;
    if (page.length === 0) break;
    seen += page.length;
    for (const row of page) asTexts(row);
    yield page as Value[][];
    onProgress?.(after / last, seen);
    await turn();
  }
  onProgress?.(1, seen);
}

export async function get(file: KeyspaceFile, keys: readonly string[]): Promise<StoredRow[]> {
  const [key] = file.table.columns;
  const sql = `SELECT ${file.table.columns.map(({ name }) => whole(name)).join(", ")}, write_time` +
    ` FROM ${rowsTable(file.table)} WHERE ${quote(key!.name)} IN (SELECT value FROM json_each(?)) AND ${LIVE}`;
  const found: StoredRow[] = [];
  for (let from = 0; from < Math.max(keys.length, 1); from += KEYS) {
    const some = keys.slice(from, from + KEYS).map((value) => storedKey(file.table, value));
    for (const row of file.prepare(sql).all(JSON.stringify(some)) as unknown as unknown[][]) {
      clean(row);
      const writeTime = row.pop() as number;
      asTexts(row);
      found.push({ writeTime, values: row as Value[] });
    }
    await turn();
  }
  return found;
}

/** Puts numbers as texts in their place, which is what cells are. */
function asTexts(row: unknown[]): void {
  for (let i = 0; i < row.length; i++) if (typeof row[i] === "number") row[i] = String(row[i]);
}

/** A key as it is stored: a UUID in small letters. */
export function storedKey(table: Table, key: string): string {
  return table.columns[0]!.type === "uuid" ? key.toLowerCase() : key;
}

function bound(range: number): string {
  return range.toString(16).padStart(2, "0");
}

/** The one number of a row that is an array. */
function only(row: unknown): number {
  return (row as number[])[0]!;
}

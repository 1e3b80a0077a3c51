/**
 * Reading the table: by token ranges to count it, in pages to scan it, by key, and by any one SELECT.
 */
import type { types } from "cassandra-driver";
import { sleep, waitMs } from "../backoff.ts";
import { isTransient, UserpipeError } from "../errors.ts";
import type { Table, Value } from "../pipeline.ts";
import { cell, tokenBytes } from "./cassandra_encode.ts";
import { isTimeout } from "./cassandra_errors.ts";
import type { Link } from "./cassandra_link.ts";
import { quoted, tableName } from "./cassandra_names.ts";
import { pooled } from "./cassandra_slots.ts";
import { pageBytes, printable, valueOf } from "./cassandra_values.ts";
import { oneSelect } from "./select.ts";
import type { Store, StoredRow } from "./store.ts";

/** Tokens go from `FIRST` to -`FIRST` - 1; no row has `FIRST` itself. */
const FIRST = -(2n ** 63n);
const SPAN = 2n ** 64n;

/** Ranges that a count begins with, and how many are counted at once. */
const COUNT_RANGES = 64n;
const COUNTS_AT_ONCE = 4;
/** Timeouts in a row, each with half the range, before a count gives up. */
const MAX_TIMEOUTS = 12;

/** Keys of one read: ten take half the CPU of ten reads, and rings that limit them allow so many. */
const GET_KEYS = 10;
/** Reads by key that are under way at once. */
const GETS_AT_ONCE = 16;

/** A page is as many rows as make about this many bytes, by what the page before had, within these limits. */
const PAGE_BYTES = 512 * 1024;
const PAGE_ROWS = { first: 200, least: 4, most: 2_000 };
/** Tries of one page, each with half its rows. */
const PAGE_TRIES = 3;
const PAGE_BACKOFF = { firstMs: 100, maxMs: 2_000 };

/** The reading half of the store over this connection. */
export function reader(link: Link, table: Table): Pick<Store, "count" | "scan" | "get" | "select"> {
  const from = tableName(table);
  const key = quoted(table.columns[0].name);
  return {
    count: (onProgress) =>
      countRanges(link, `SELECT count(*) FROM ${from} WHERE token(${key}) > ? AND token(${key}) <= ?`, onProgress),

    scan: async function* (columns, onProgress) {
      const list = [...columns.map(quoted), `token(${key})`].join(", ");
      let rows = 0;
      for await (const result of pages(link, `SELECT ${list} FROM ${from}`)) {
        if (result.rowLength === 0) continue;
        rows += result.rowLength;
        const token = BigInt(String(result.rows[result.rowLength - 1].get(columns.length)));
        onProgress?.(Number(token - FIRST) / Number(SPAN), rows);
        yield result.rows.map((row) => columns.map((_, i) => valueOf(row.get(i))));
      }
      onProgress?.(1, rows);
    },

    get: (keys) => getAll(link, table, keys),

    select: async function* (statement) {
      try {
        for await (const { columns, rows } of pages(link, oneSelect(statement))) {
          const names = columns.map(({ name }) => name);
          yield { columns: names, rows: rows.map((row) => names.map((name) => printable(row[name]))) };
        }
      } catch (error) {
        throw asQuery(error);
      }
    },
  };
}

async function countRanges(link: Link, statement: string, onProgress?: (share: number, rows: number) => void) {
  const waiting = [{ from: FIRST, to: FIRST + SPAN - 1n }];
  /** No wider range is asked for. */
  let width = SPAN / COUNT_RANGES;
  let [rows, covered, timeouts] = [0, 0n, 0];

  await pooled(COUNTS_AT_ONCE, next, async (range) => {
    try {
      const result = await link.execute("read", statement, [tokenBytes(range.from), tokenBytes(range.to)]);
      rows += Number(result.first().get(0));
    } catch (error) {
      if (!isTimeout(error) || ++timeouts > MAX_TIMEOUTS) throw error;
      width = (range.to - range.from) / 2n || 1n;
      waiting.push(range);
      return;
    }
    timeouts = 0;
    covered += range.to - range.from;
    onProgress?.(Number(covered) / Number(SPAN - 1n), rows);
  });
  return rows;

  function next() {
    const range = waiting.pop();
    if (range !== undefined && range.to - range.from > width) {
      const to = range.from + width;
      waiting.push({ from: to, to: range.to });
      return { from: range.from, to };
    }
    return range;
  }
}

async function getAll(link: Link, table: Table, keys: readonly string[]): Promise<StoredRow[]> {
  const [key, ...others] = table.columns.map(({ name }) => quoted(name));
  const list = [key, ...others, ...others.map((name) => `writetime(${name})`)].join(", ");
  const select = `SELECT ${list} FROM ${tableName(table)} WHERE ${key}`;
  const waiting = [...new Set(keys)].map((text) => cell(text, table.columns[0].type)).filter((each) => each !== null);
  const found: StoredRow[] = [];
  const next = () => waiting.length === 0 ? undefined : waiting.splice(-GET_KEYS);
  await pooled(GETS_AT_ONCE, next, async (some) => {
    // The driver sends a read of one key to a node that has it.
    const statement = some.length === 1 ? `${select} = ?` : `${select} IN (${some.map(() => "?").join(", ")})`;
    const { rows } = await link.execute("read", statement, some);
    for (const row of rows) found.push(stored(row, table.columns.length));
  });
  return found;
}

/** The row's write time is the latest of its cells'; a row of nulls has none left to tell. */
function stored(row: types.Row, columns: number): StoredRow {
  const values: Value[] = [];
  for (let i = 0; i < columns; i++) values.push(valueOf(row.get(i)));
  let writeTime = 0;
  for (let i = columns; i < 2 * columns - 1; i++) writeTime = Math.max(writeTime, Number(row.get(i) ?? 0));
  return { values, writeTime };
}

/** The statement's pages, each asked for while the one before is read. At least one, and that may be empty. */
async function* pages(link: Link, statement: string): AsyncGenerator<types.ResultSet> {
  let next = page(link, statement, PAGE_ROWS.first);
  try {
    while (true) {
      const result = await next;
      if (!result.pageState) return yield result;
      const fits = Math.floor(PAGE_BYTES * result.rowLength / pageBytes(result));
      const rows = Math.min(PAGE_ROWS.most, Math.max(PAGE_ROWS.least, fits || PAGE_ROWS.first));
      next = page(link, statement, rows, result.pageState);
      next.catch(() => {});
      yield result;
    }
  } finally {
    // A reader that stops leaves nothing under way.
    await next.catch(() => {});
  }
}

async function page(link: Link, statement: string, rows: number, pageState?: string): Promise<types.ResultSet> {
  for (let attempt = 1;; attempt++) {
    try {
      return await link.execute("read", statement, [], { fetchSize: rows, pageState });
    } catch (error) {
      if (!isTransient(error) || attempt === PAGE_TRIES || (pageState === undefined && !isTimeout(error))) throw error;
      rows = Math.max(1, rows >> 1);
      await sleep(waitMs(PAGE_BACKOFF, attempt));
    }
  }
}

/** That the statement names a table that is not there is the statement's fault, not the pipeline's. */
function asQuery(error: unknown): unknown {
  if (!(error instanceof UserpipeError) || error.code !== "store-missing") return error;
  return new UserpipeError("query", error.message, "Name a keyspace and a table that are there", {
    cause: error.cause,
  });
}

/** The questions that `query` and the page ask of the store. */
import { UserpipeError } from "../errors.ts";
import type { Table, Value } from "../pipeline.ts";
import type { Store } from "../store/store.ts";

/** Rows under their column names, in pages. */
export interface Answer {
  columns: readonly string[];
  pages: AsyncIterable<readonly (readonly unknown[])[]>;
}

export type Progress = (share: number, rows: number) => void;

/** Different values that `by` keeps count of at the most: its memory's limit. */
const MOST_VALUES = 100_000;

/** How many rows there are. */
export function count(store: Store, onProgress?: Progress): Answer {
  return { columns: ["count"], pages: one(async () => [[await store.count(onProgress)]]) };
}

/** `limit` rows, in no particular order. */
export function list(store: Store, table: Table, limit: number): Answer {
  const columns = table.columns.map(({ name }) => name);
  return { columns, pages: typed(table, first(store.scan(columns), limit)) };
}

/** The row of one primary key, or no row. */
export function byId(store: Store, table: Table, id: string): Answer {
  const columns = table.columns.map(({ name }) => name);
  return { columns, pages: typed(table, one(async () => (await store.get([id])).map(({ values }) => values))) };
}

/** Numbers as numbers: a SELECT gives them so too. */
async function* typed({ columns }: Table, pages: AsyncIterable<unknown[][]>): AsyncIterable<unknown[][]> {
  for await (const page of pages) {
    for (const row of page) {
      columns.forEach(({ type }, i) => {
        if (type === "double" && row[i] !== null) row[i] = Number(row[i]);
      });
    }
    yield page;
  }
}

/**
 * How many rows have each value of a column, most first; or how many have `value`.
 * @throws {UserpipeError} `usage` where there is no such column; `query` past 100,000 different values
 */
export function by(store: Store, table: Table, column: string, value?: string, onProgress?: Progress): Answer {
  if (!table.columns.some(({ name }) => name === column)) {
    const names = table.columns.map(({ name }) => name).join(", ");
    throw new UserpipeError("usage", `The table has no column "${column}"`, `Its columns are ${names}`);
  }
  const pages = one(async () => {
    const counts = new Map<Value, number>(value === undefined ? [] : [[value, 0]]);
    for await (const page of store.scan([column], onProgress)) {
      for (const [cell] of page) {
        if (value === undefined || cell === value) counts.set(cell!, (counts.get(cell!) ?? 0) + 1);
      }
      if (counts.size > MOST_VALUES) throw tooManyValues(column);
    }
    return [...counts].sort(([, a], [, b]) => b - a);
  });
  return { columns: [column, "count"], pages };
}

function tooManyValues(column: string): UserpipeError {
  return new UserpipeError(
    "query",
    `The column "${column}" has more than ${MOST_VALUES} different values`,
    `Name one of them: userpipe query by ${column} <value>`,
  );
}

/** Any one SELECT. Its columns are those of the answer, known with its first page. */
export async function select(store: Store, statement: string): Promise<Answer> {
  const pages = store.select(statement)[Symbol.asyncIterator]();
  const start = await pages.next();
  if (start.done) return { columns: [], pages: one(async () => []) };
  const rest = async function* () {
    yield start.value.rows;
    for (let page = await pages.next(); !page.done; page = await pages.next()) yield page.value.rows;
  };
  return { columns: start.value.columns, pages: rest() };
}

/** A page of the rows that are worked out when they are asked for. */
export async function* one(rows: () => Promise<unknown[][]>): AsyncIterable<unknown[][]> {
  yield await rows();
}

async function* first(pages: AsyncIterable<Value[][]>, limit: number): AsyncIterable<Value[][]> {
  let left = limit;
  for await (const page of pages) {
    yield page.slice(0, left);
    left -= page.length;
    if (left <= 0) return;
  }
}

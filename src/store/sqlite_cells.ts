/** Cells on their way out of SQLite: texts with a NUL read whole, and rows in pages of bounded size. */
import type { StatementSync } from "node:sqlite";
import { UserpipeError } from "../errors.ts";
import { quote } from "./sqlite_table.ts";

/** A page ends at whichever comes first; one row may exceed the characters alone. */
export const PAGE_ROWS = 1_000;
const PAGE_CHARACTERS = 4 << 20;

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The statement, giving its rows as arrays. The runtime has this method, the types that it brings do not. */
export function asArrays(statement: StatementSync): StatementSync {
  (statement as StatementSync & { setReturnArrays(on: boolean): void }).setReturnArrays(true);
  return statement;
}

/** The column as an expression that survives the driver, which cuts a text at its first NUL: such a text is a blob. */
export function whole(column: string): string {
  const name = quote(column);
  return `CASE WHEN instr(${name}, char(0)) THEN CAST(${name} AS BLOB) ELSE ${name} END`;
}

/**
 * The rows of a query, in pages. The runtime's iterator takes an error for the end of the rows: so the query
 * brings a row of its own for the end, and where that did not come, it is asked again for the row that failed.
 */
export class Pages {
  #prepare: (sql: string) => StatementSync;
  #sql: string;
  #parameters: number[];
  #rows: Iterator<unknown>;
  #read = 0;
  #over = false;

  /** @param prepare gives statements whose rows are arrays; @param width the number of the query's columns */
  constructor(prepare: (sql: string) => StatementSync, query: string, width: number, ...parameters: number[]) {
    this.#prepare = prepare;
    this.#sql = `SELECT *, 0 FROM (${query}) UNION ALL SELECT ${"NULL, ".repeat(width)}1`;
    this.#parameters = parameters;
    this.#rows = prepare(this.#sql).iterate(...parameters);
  }

  /** The next page; empty at the end. Throws SQLite's error where a row cannot be read. */
  next(): unknown[][] {
    const page: unknown[][] = [];
    let characters = 0;
    while (!this.#over && page.length < PAGE_ROWS && characters < PAGE_CHARACTERS) {
      const { done, value } = this.#rows.next();
      if (done) throw this.#failure();
      const row = value as unknown[];
      this.#over = Number(row.pop()) === 1;
      if (this.#over) break;
      page.push(row);
      characters += clean(row);
      this.#read++;
    }
    return page;
  }

  close(): void {
    this.#rows.return?.();
  }

  #failure(): Error {
    this.#prepare(`${this.#sql} LIMIT 1 OFFSET ${this.#read}`).get(...this.#parameters);
    // With a limit, a sort may pass over the row. Without one it fails as before: while it sorts, before its first row.
    this.#prepare(this.#sql).all(...this.#parameters);
    return new UserpipeError("data-folder", `A query ended after ${this.#read} rows, before its end`, "Run it again");
  }
}

/** Puts the row's cells as they were written, in their place; answers the characters in it. */
export function clean(row: unknown[]): number {
  let characters = 0;
  for (let i = 0; i < row.length; i++) {
    let cell = row[i];
    if (cell instanceof Uint8Array) row[i] = cell = UTF8.decode(cell);
    else if (typeof cell === "bigint") row[i] = plain(cell);
    if (typeof cell === "string") characters += cell.length;
  }
  return characters;
}

/** A number where that is exact, else its digits. */
function plain(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Resolves after whatever else waits to run has run: SQLite's calls do not leave the thread by themselves. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Writing to the embedded store: calls that come together share a transaction, each row has its own outcome,
 * and an upsert holds to the write time (I4).
 */
import type { StatementSync } from "node:sqlite";
import { isTransient, messageOf } from "../errors.ts";
import { fault } from "../fault.ts";
import { keyPrefix } from "../packed.ts";
import type { Row, Table, Value } from "../pipeline.ts";
import { translate } from "../sqlite.ts";
import { turn } from "./sqlite_cells.ts";
import type { KeyspaceFile } from "./sqlite_file.ts";
import { isFaultOfRow, waitable, whyRefused } from "./sqlite_faults.ts";
import { quote, rowsTable } from "./sqlite_table.ts";
import type { WriteResult } from "./store.ts";

/** Rows of one transaction at the most. A larger one dirties fewer pages of the id index a row. */
export const TRANSACTION_ROWS = 26_000;

/** How long a row is kept after it has expired, so that an older copy does not come back: Cassandra's `gc_grace_seconds`. */
const GRACE_SECONDS = 864_000;
const PURGE_ROWS = 1_000;
const PURGE_EVERY_MS = 60_000;

interface Call {
  rows: readonly Row[];
  result: WriteResult;
  /** Rows before it have been tried. */
  done: number;
  resolve(result: WriteResult): void;
  reject(error: unknown): void;
}

/** The rows of one call that are in one transaction. */
interface Part {
  call: Call;
  from: number;
  to: number;
  /** The place of its first row in the transaction. */
  first: number;
  refused: WriteResult["refused"];
}

export class SqliteWriter {
  #file: KeyspaceFile;
  #ttlSeconds: number | undefined;
  #calls: Call[] = [];
  #running: Promise<void> | undefined;
  #purgeAt = 0;

  constructor(file: KeyspaceFile, ttlSeconds: number | undefined) {
    this.#file = file;
    this.#ttlSeconds = ttlSeconds;
  }

  write(rows: readonly Row[]): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ rows, result: { refused: [], unwritten: [] }, done: 0, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#calls.length > 0) {
      await this.#gather();
      const parts = this.#take();
      try {
        this.#store(parts);
        for (const part of parts) this.#settle(part);
      } catch (error) {
        for (const part of parts) this.#fail(part, error);
      }
    }
    this.#running = undefined;
  }

  /** Lets in what is on its way, to share the transaction: until it is full or nothing more comes. */
  async #gather(): Promise<void> {
    for (let before = 0; this.#calls.length > before && this.#waiting < TRANSACTION_ROWS;) {
      before = this.#calls.length;
      // The next call may wait for a turn of its own, behind this one.
      await turn();
      await turn();
    }
  }

  get #waiting(): number {
    return this.#calls.reduce((rows, call) => rows + call.rows.length - call.done, 0);
  }

  #take(): Part[] {
    const parts: Part[] = [];
    let room = TRANSACTION_ROWS;
    for (const call of this.#calls) {
      const to = Math.min(call.rows.length, call.done + room);
      parts.push({ call, from: call.done, to, first: TRANSACTION_ROWS - room, refused: [] });
      room -= to - call.done;
      call.done = to;
      if (room === 0) break;
    }
    this.#calls = this.#calls.filter(({ done, rows }) => done < rows.length);
    return parts;
  }

  #settle({ call, to, refused }: Part): void {
    for (const row of refused.sort((a, b) => a.index - b.index)) call.result.refused.push(row);
    if (to === call.rows.length) call.resolve(call.result);
  }

  /** The transaction came to nothing: its rows are written again where waiting can cure it (I5). */
  #fail(part: Part, thrown: unknown): void {
    const { call, from, to, refused } = part;
    const error = waitable(translate(thrown, this.#file.path), thrown, this.#file.path);
    if (!isTransient(error)) {
      this.#calls = this.#calls.filter((other) => other !== call);
      return call.reject(error);
    }
    const never = new Set(refused.map(({ index }) => index));
    for (let index = from; index < to; index++) if (!never.has(index)) call.result.unwritten.push({ index, error });
    this.#settle(part);
  }

  #store(parts: readonly Part[]): void {
    const { table } = this.#file;
    const upsert = this.#file.prepare(upsertSql(table));
    const now = Math.floor(Date.now() / 1000);
    const expires = this.#ttlSeconds === undefined ? null : now + this.#ttlSeconds;
    this.#file.ready().transaction(() => {
      storeParts(parts, table, upsert, expires);
      fault("mid-batch");
      this.#purge(now);
    });
  }

  #purge(now: number): void {
    if (Date.now() < this.#purgeAt) return;
    const rows = rowsTable(this.#file.table);
    const some = `SELECT rowid FROM ${rows} WHERE expires < ? LIMIT ${PURGE_ROWS}`;
    const { changes } = this.#file.prepare(`DELETE FROM ${rows} WHERE rowid IN (${some})`).run(now - GRACE_SECONDS);
    this.#purgeAt = Number(changes) < PURGE_ROWS ? Date.now() + PURGE_EVERY_MS : 0;
  }
}

function storeParts(parts: readonly Part[], { columns }: Table, upsert: StatementSync, expires: number | null): void {
  const lowered = columns.flatMap(({ type }, n) => type === "uuid" ? n : []);
  const numbers = columns.flatMap(({ type }, n) => type === "double" ? n : []);
  const rows = parts.flatMap(({ call, from, to }) => call.rows.slice(from, to));
  for (const place of byKey(rows)) {
    const { values, writeTime, packed } = rows[place]!;
    // What was read as bytes was checked as it was read.
    const reason = (packed === undefined ? whyRefused(values, columns) : undefined) ?? attempt(values, writeTime);
    if (reason === undefined) continue;
    const part = parts.findLast(({ first }) => first <= place)!;
    part.refused.push({ index: part.from + place - part.first, reason });
  }

  function attempt(values: readonly Value[], writeTime: number): string | undefined {
    const parameters: (string | number | null)[] = [...values, writeTime, expires];
    for (const n of lowered) parameters[n] = values[n]?.toLowerCase() ?? null;
    for (const n of numbers) parameters[n] = values[n] === null ? null : Number(values[n]);
    try {
      upsert.run(...parameters);
    } catch (error) {
      if (isFaultOfRow(error)) return messageOf(error);
      throw error;
    }
  }
}

/**
 * The places of rows in the order of their keys: the id index is then gone through once, where each row for itself
 * would take a page anywhere in it. Rows that are no bytes come first; they are few.
 */
function byKey(rows: readonly Row[]): Float64Array {
  const order = Float64Array.from(rows, ({ packed }, place) => {
    return (packed === undefined ? 0 : keyPrefix(packed)) * TRANSACTION_ROWS + place;
  });
  return order.sort().map((key) => key % TRANSACTION_ROWS);
}

/**
 * I4: a row is replaced as a whole, and only by a later write time; the same one again changes nothing but how long
 * the row lives: as in Cassandra, of two copies with one write time the one that expires later counts, and one that
 * expires over one that does not.
 */
function upsertSql(table: Table): string {
  const [key, ...others] = [...table.columns.map(({ name }) => quote(name)), "write_time", "expires"];
  return `INSERT INTO ${rowsTable(table)} (${[key, ...others].join(", ")})` +
    ` VALUES (${[key, ...others].map(() => "?").join(", ")})` +
    ` ON CONFLICT (${key}) DO UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(", ")}` +
    ` WHERE excluded.write_time > write_time OR (excluded.write_time = write_time` +
    ` AND excluded.expires > ifnull(expires, 0))`;
}

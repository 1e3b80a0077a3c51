/** The file of the record of runs, as all parts of its adapter use it: its statements, its transactions and its owners. */
import { existsSync } from "node:fs";
import type { StatementSync } from "node:sqlite";
import { type Database, isReadOnly, openDatabase, openExisting, translate } from "../sqlite.ts";
import { Owners } from "./sqlite_owners.ts";
import { MIGRATIONS } from "./sqlite_schema.ts";

/** Whose the runs are that are under way, or claimed, but for one process. */
const OWNED = "SELECT DISTINCT owner FROM run WHERE owner IS NOT NULL AND owner <> ?";
const INTERRUPT = `UPDATE run SET again = CASE state WHEN 'running' THEN source_kind = 'http' ELSE again END,
  state = 'interrupted', owner = NULL WHERE owner = ?`;

export class RecordFile {
  readonly owners: Owners;
  readonly #open: () => Database;
  #db: Database;
  #statements = new Map<string, StatementSync>();

  /**
   * @param make whether a file is made where there is none; else it is as if it were empty until another process makes it
   * @throws {UserpipeError} `data-folder`, also by all that it does
   */
  constructor(path: string, make: boolean) {
    this.#open = () => make ? openDatabase(path, MIGRATIONS) : openThere(path);
    this.#db = this.#open();
    this.owners = new Owners(`${path}-owners`);
  }

  /** A statement that is prepared once. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) this.#statements.set(text, statement = this.#db.prepare(text));
    return statement;
  }

  transaction<T>(work: () => T): T {
    this.#refresh();
    return this.#db.transaction(work);
  }

  read<T>(work: () => T): T {
    this.#refresh();
    try {
      return work();
    } catch (error) {
      throw translate(error, this.#db.path);
    }
  }

  /** Marks the runs of processes that are gone, where there are any. */
  settle(): void {
    if (this.read(() => this.sql(OWNED).get(this.owners.id)) === undefined) return;
    this.#unlessReadOnly(() => this.settleWithin());
  }

  /** As `settle`, inside a transaction. */
  settleWithin(): void {
    const alive = this.owners.alive();
    for (const { owner } of this.sql(OWNED).all(this.owners.id)) {
      if (!alive.has(String(owner))) this.sql(INTERRUPT).run(owner!);
    }
  }

  /** Whether a process lives; where that cannot be known, it does. */
  isAlive(owner: string): boolean {
    return this.#unlessReadOnly(() => this.owners.alive().has(owner)) ?? true;
  }

  /** Inside a transaction: what other processes wait to know has changed. */
  notifyOthers(): void {
    this.sql("UPDATE change SET count = count + 1").run();
  }

  close(): void {
    this.#db.close();
    this.owners.close();
  }

  /** A transaction; nothing for who may only look, and sees what is written. */
  #unlessReadOnly<T>(work: () => T): T | undefined {
    try {
      return this.transaction(work);
    } catch (error) {
      if (error instanceof Error && isReadOnly(error.cause)) return undefined;
      throw error;
    }
  }

  #refresh(): void {
    if (this.#db.isCurrent()) return;
    this.#db.close();
    this.#statements.clear();
    this.#db = this.#open();
  }
}

function openThere(path: string): Database {
  if (existsSync(path)) return openExisting(path, MIGRATIONS);
  return { ...openDatabase(":memory:", MIGRATIONS), isCurrent: () => !existsSync(path) };
}

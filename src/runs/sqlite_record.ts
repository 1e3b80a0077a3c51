/** The file of the record of runs, as all parts of its adapter use it: its statements, its transactions and its owners. */
import { existsSync } from "node:fs";
import type { StatementSync } from "node:sqlite";
import { UserpipeError } from "../errors.ts";
import { type Database, inodeOf, isReadOnly, openDatabase, openExisting, translate } from "../sqlite.ts";
import { hearing, ring } from "./sqlite_bell.ts";
import { Owners } from "./sqlite_owners.ts";
import { MIGRATIONS } from "./sqlite_schema.ts";

/** Whose the runs are that are under way, or claimed, but for one process. */
const OWNED = "SELECT DISTINCT owner FROM run WHERE owner IS NOT NULL AND owner <> ?";
const INTERRUPT = `UPDATE run SET again = CASE state WHEN 'running' THEN source_kind = 'http' ELSE again END,
  state = 'interrupted', owner = NULL WHERE owner = ?`;

export class RecordFile {
  readonly owners: Owners;
  readonly #path: string;
  readonly #make: boolean;
  #db: Database;
  #inode: ReturnType<typeof inodeOf>;
  #statements = new Map<string, StatementSync>();
  /** Whether the transaction under way changes what others wait for. */
  #notifies = false;

  /**
   * @param make whether a file is made where there is none; else it is as if it were empty until another process makes it
   * @throws {UserpipeError} `data-folder`, also by all that it does; with `make` that is so from when the file is moved away or
   * replaced, without it what is there now is seen
   */
  constructor(path: string, make: boolean) {
    this.#path = path;
    this.#make = make;
    this.#db = make ? openDatabase(path, MIGRATIONS, { shrinks: true }) : openThere(path);
    this.#inode = inodeOf(path);
    this.owners = new Owners(`${path}-owners`);
  }

  /** A statement that is prepared once. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) this.#statements.set(text, statement = this.#db.prepare(text));
    return statement;
  }

  transaction<T>(work: () => T): T {
    return this.#telling(() => this.#db.transaction(work));
  }

  /** For what is made again where a power cut undoes it. */
  quickTransaction<T>(work: () => T): T {
    return this.#telling(() => this.#db.quickTransaction(work));
  }

  #telling<T>(transact: () => T): T {
    this.#refresh();
    this.#notifies = false;
    const done = transact();
    if (this.#notifies) ring(this.#path);
    return done;
  }

  read<T>(work: () => T): T {
    this.#refresh();
    try {
      return work();
    } catch (error) {
      throw translate(error, this.#db.path);
    }
  }

  /** Marks the runs of processes that are gone, where there are any; else nobody is held up for it. */
  settle(): void {
    const others = this.read(() => this.sql(OWNED).all(this.owners.id));
    if (others.every(({ owner }) => this.owners.isAlive(String(owner)))) return;
    this.#unlessReadOnly(() => this.settleWithin());
  }

  /** As `settle`, inside a transaction. */
  settleWithin(): void {
    const alive = this.owners.alive();
    for (const { owner } of this.sql(OWNED).all(this.owners.id)) {
      if (!alive.has(String(owner))) this.sql(INTERRUPT).run(owner!);
    }
  }

  /** Inside a transaction: what other processes wait to know has changed. */
  notifyOthers(): void {
    this.sql("UPDATE change SET count = count + 1").run();
    this.#notifies = true;
  }

  /** Hears, from now on, when others have changed that. @returns undefined where it has to be looked for */
  hear(): Deno.FsWatcher | undefined {
    return hearing(this.#path);
  }

  close(): void {
    this.#db.close();
    this.owners.close();
  }

  /** A transaction; nothing for who may only look, and sees what is written. */
  #unlessReadOnly(work: () => void): void {
    try {
      this.transaction(work);
    } catch (error) {
      if (!(error instanceof Error && isReadOnly(error.cause))) throw error;
    }
  }

  #refresh(): void {
    if (inodeOf(this.#path) === this.#inode && this.#db.isCurrent()) return;
    // What is written to a file that has no name any more is lost, and of another file it is not known who leads by it.
    if (this.#make) throw replaced(this.#path);
    const db = openThere(this.#path);
    this.#db.close();
    this.#statements.clear();
    this.#db = db;
    this.#inode = inodeOf(this.#path);
  }
}

function replaced(path: string): UserpipeError {
  const message = `"${path}" was moved away or replaced while it was open`;
  return new UserpipeError("data-folder", message, "Put it back, or do without what it held; then start again");
}

function openThere(path: string): Database {
  if (existsSync(path)) return openExisting(path, MIGRATIONS);
  return { ...openDatabase(":memory:", MIGRATIONS), isCurrent: () => !existsSync(path) };
}

/**
 * The keyspace's file: opened when it is first needed, never made but by `init`, and noticed when it was
 * moved away or replaced while it was open.
 */
import { join } from "node:path";
import type { StatementSync } from "node:sqlite";
import type { Change } from "../errors.ts";
import type { Table } from "../pipeline.ts";
import { type Database, inodeOf, LARGE_PAGE, openDatabase, openExisting, translate } from "../sqlite.ts";
import { asArrays } from "./sqlite_cells.ts";
import { assertTable, missingTable, type Plan, plan, tableName } from "./sqlite_table.ts";
import type { StoreInitOptions } from "./store.ts";

/** From version n to n + 1. The first marks the file as a keyspace of userpipe ("upks"). */
const MIGRATIONS = ["PRAGMA application_id = 0x75706b73"];

/** The pages of the id index that one transaction takes are kept in memory where they fit, and copied back many at a time. */
const CACHE_KIB = 8 * 1024;
const CHECKPOINT_PAGES = 16_000;

interface Open {
  db: Database;
  inode: number | null;
  statements: Map<string, StatementSync>;
}

export class KeyspaceFile {
  readonly path: string;
  readonly table: Table;
  #open: Open | undefined;

  constructor(dataDir: string, table: Table) {
    this.path = join(dataDir, `keyspace-${encodeURIComponent(table.keyspace)}.db`);
    this.table = table;
  }

  /**
   * The open file, with the table in it.
   * @throws {UserpipeError} `store-missing`, `table-differs`, `data-folder`
   */
  ready(): Database {
    return this.#ready().db;
  }

  /** A prepared statement, kept for the next time. @throws as `ready` does */
  prepare(sql: string): StatementSync {
    const { db, statements } = this.#ready();
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = asArrays(db.prepare(sql));
      statements.set(sql, statement);
    }
    return statement;
  }

  /** @throws {UserpipeError} `table-differs`, `data-folder` */
  init({ migrate, dryRun }: StoreInitOptions): Change[] {
    const there = inodeOf(this.path) !== undefined;
    if (dryRun && !there) return this.#changes(there, plan(undefined, this.table, migrate), dryRun);
    const db = openDatabase(this.path, MIGRATIONS, { pageSize: LARGE_PAGE });
    try {
      if (dryRun) return this.#changes(there, plan(db, this.table, migrate), dryRun);
      return db.transaction(() => {
        const todo = plan(db, this.table, migrate);
        for (const sql of todo.statements) db.exec(sql);
        return this.#changes(there, todo, dryRun);
      });
    } finally {
      db.close();
    }
  }

  close(): void {
    this.#open?.db.close();
    this.#open = undefined;
  }

  #ready(): Open {
    const inode = inodeOf(this.path);
    // Rows written to a file that has no name any more would be gone with the process.
    if (this.#open !== undefined && (this.#open.inode !== inode || !this.#open.db.isCurrent())) this.close();
    if (inode === undefined) throw missingTable(this.table, this.path);
    return this.#open ??= this.#openFile(inode);
  }

  #openFile(inode: number | null): Open {
    const db = openExisting(this.path, MIGRATIONS);
    try {
      assertTable(db, this.table);
      db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
      db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      return { db, inode, statements: new Map() };
    } catch (error) {
      db.close();
      throw translate(error, this.path);
    }
  }

  #changes(there: boolean, { state, statements, detail }: Plan, dryRun: boolean): Change[] {
    const done = dryRun
      ? { make: "would-make", change: "would-change", none: "exists" } as const
      : { make: "made", change: "changed", none: "exists" } as const;
    return [
      {
        what: `keyspace "${this.table.keyspace}"`,
        state: done[there ? "none" : "make"],
        statement: `open ${JSON.stringify(this.path)}`,
        detail: this.path,
      },
      {
        what: `table ${tableName(this.table)}`,
        state: done[state],
        statement: statements.map((sql) => `${sql};`).join("\n"),
        ...(detail === undefined ? {} : { detail }),
      },
    ];
  }
}

/**
 * How a SQLite file of the data folder is opened: WAL, `synchronous=FULL`, a busy timeout, and a schema
 * version in `user_version` (an older file is migrated, a newer one is an error).
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { messageOf, UserpipeError } from "./errors.ts";
import { dirname } from "node:path";
import { whyNotWritable } from "./not_writable.ts";
import { openReadOnly } from "./sqlite_read_only.ts";

/** How long a statement waits for another process's lock, in ms. */
export const BUSY_TIMEOUT_MS = 10_000;
const JOURNAL_RETRY_MS = 10;
/** How often a transaction that waits looks whether it may begin, in ms. */
const LOCK_LOOK_MS = 1;
/** SQLite's result code for it. */
const BUSY = 5;

/** For files of rows and messages, in bytes: many that change at once are written in fewer and larger pieces than with SQLite's 4,096. */
export const LARGE_PAGE = 16 * 1024;

/** What a file is made with; one that is there keeps what it was made with. */
export interface Making {
  /** Whether it can give back what it has no use for (`PRAGMA incremental_vacuum`). */
  shrinks?: boolean;
  /** In bytes; SQLite's own where it is left out. */
  pageSize?: number;
}

/** A data file. `transaction` is `BEGIN IMMEDIATE … COMMIT`. */
export interface Database {
  readonly path: string;
  prepare(sql: string): StatementSync;
  exec(sql: string): void;
  /** Runs `work` in one transaction: all of it is durable when this returns, or none of it. */
  transaction<T>(work: () => T): T;
  /**
   * The same for what may be undone by a power cut, though not by a kill: it waits for no disk, nor does anybody else for it.
   * The next transaction makes it durable too.
   */
  quickTransaction<T>(work: () => T): T;
  /** False once what is seen is not what is there any more: open it again. Only where nothing may be written. */
  isCurrent(): boolean;
  close(): void;
}

/**
 * Opens the file, making it and its folder where they are not there.
 * @param migrations the statements that lead from version n to n + 1; the file's version is their count
 * @throws {UserpipeError} `data-folder`
 */
export function openDatabase(path: string, migrations: readonly string[], making: Making = {}): Database {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      return prepared(db, path, migrations, making);
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw translate(error, path);
  }
}

/**
 * Opens a file that is there; where neither it nor its folder may be written, for reading only: a transaction then
 * fails.
 * @throws {UserpipeError} `data-folder`
 */
export function openExisting(path: string, migrations: readonly string[]): Database {
  let cannotWrite: UserpipeError;
  try {
    return openDatabase(path, migrations);
  } catch (error) {
    if (!(error instanceof UserpipeError) || !isReadOnly(error.cause)) throw error;
    cannotWrite = error;
  }
  try {
    const { db, isCurrent } = openReadOnly(path, BUSY_TIMEOUT_MS);
    try {
      const database = { ...wrapped(db, path), isCurrent };
      if (versionOf(database) !== migrations.length) throw otherVersion(database, migrations.length);
      return database;
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    // The stream's thread may make no copy, and has no use for what it cannot write.
    if (error instanceof Deno.errors.NotCapable) throw cannotWrite;
    throw translate(error, path);
  }
}

function prepared(db: DatabaseSync, path: string, migrations: readonly string[], making: Making): Database {
  // A new file gets its modes before its first transaction; SQLite keeps them in the file.
  setModes(db, making);
  db.exec("PRAGMA synchronous = FULL");
  const database = wrapped(db, path);
  migrate(database, migrations);
  return database;
}

function wrapped(db: DatabaseSync, path: string): Database {
  const begin = patientBegin(db);
  const commit = db.prepare("COMMIT");
  const rollback = db.prepare("ROLLBACK");
  const transaction = <T>(work: () => T): T => {
    try {
      begin();
      try {
        const result = work();
        commit.run();
        return result;
      } catch (error) {
        // A full disk ends the transaction by itself, and a second ROLLBACK would hide why.
        if (db.isTransaction) rollback.run();
        throw error;
      }
    } catch (error) {
      throw translate(error, path);
    }
  };
  return {
    path,
    prepare: (sql) => db.prepare(sql),
    exec: (sql) => db.exec(sql),
    transaction,
    quickTransaction(work) {
      db.exec("PRAGMA synchronous = NORMAL");
      try {
        return transaction(work);
      } finally {
        db.exec("PRAGMA synchronous = FULL");
      }
    },
    isCurrent: () => true,
    close: () => db.close(),
  };
}

/**
 * `BEGIN IMMEDIATE`, tried again every few ms while another process writes: SQLite's own handler comes to sleep for 100 ms at a
 * time, and misses every moment between the transactions of one who writes without a pause.
 */
function patientBegin(db: DatabaseSync): () => void {
  const [begin, atOnce] = [db.prepare("BEGIN IMMEDIATE"), db.prepare("PRAGMA busy_timeout = 0")];
  const patient = db.prepare(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  return () => {
    atOnce.get();
    try {
      for (const until = Date.now() + BUSY_TIMEOUT_MS;;) {
        try {
          return void begin.run();
        } catch (error) {
          if (sqliteCode(error) !== BUSY || Date.now() > until) throw error;
        }
        pause(LOCK_LOOK_MS);
      }
    } finally {
      patient.get();
    }
  };
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Tries again by itself: for a change of the journal mode SQLite does not heed the busy timeout. */
function setModes(db: DatabaseSync, { shrinks, pageSize }: Making): void {
  const until = Date.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      // Where they are not the first, they need a VACUUM, which attaches a file: a program without all permissions may not.
      if (isEmpty(db)) {
        if (shrinks) db.exec("PRAGMA auto_vacuum = INCREMENTAL");
        if (pageSize !== undefined) db.exec(`PRAGMA page_size = ${pageSize}`);
      }
      db.prepare("PRAGMA journal_mode = WAL").get();
      return;
    } catch (error) {
      if (sqliteCode(error) !== BUSY || Date.now() > until) throw error;
      pause(JOURNAL_RETRY_MS);
    }
  }
}

const isEmpty = (db: DatabaseSync) => db.prepare("PRAGMA page_count").get()?.page_count === 0;

function migrate(database: Database, migrations: readonly string[]): void {
  if (versionOf(database) === migrations.length) return;
  database.transaction(() => {
    const version = versionOf(database);
    if (version > migrations.length) throw otherVersion(database, migrations.length);
    for (const sql of migrations.slice(version)) database.exec(sql);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

/** An older file is an error only where it cannot be migrated. */
function otherVersion(database: Database, known: number): UserpipeError {
  const version = versionOf(database);
  const than = version > known ? "a newer" : "an older";
  return new UserpipeError(
    "data-folder",
    `"${database.path}" was written by ${than} userpipe (file version ${version}, this one knows ${known})`,
    version > known
      ? "Use that userpipe, or another --data-dir"
      : "Give write permission to it, so that it is migrated",
  );
}

function versionOf(database: Database): number {
  return Number(database.prepare("PRAGMA user_version").get()?.user_version);
}

/**
 * What tells a file from another of its name; null where the system has no such thing, undefined where there is no file.
 * @throws {UserpipeError} `data-folder`
 */
export function inodeOf(path: string): number | null | undefined {
  try {
    return Deno.statSync(path).ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw translate(error, path);
  }
}

/** An error of the file system or of SQLite in the words of an operating error; all others as they are. */
export function translate(error: unknown, path: string): unknown {
  if (error instanceof UserpipeError) return error;
  const found = fileSystemTrouble(error) ?? sqliteTrouble(error);
  if (found === undefined) return error;
  const [what, hint, code = "data-folder"] = (isReadOnly(error) ? whyNotWritable(path) : undefined) ?? found;
  return new UserpipeError(code, `Cannot use "${path}": ${what}`, hint, { cause: error });
}

/** Whether it is for want of a permission to write. */
export function isReadOnly(thrown: unknown): boolean {
  const { code } = (thrown ?? {}) as { code?: string };
  return [8, 14].includes(sqliteCode(thrown) ?? 0) || ["EACCES", "EPERM", "EROFS"].includes(code ?? "");
}

type Trouble = [what: string, hint: string, code?: "data-folder-busy"];

function fileSystemTrouble(error: unknown): Trouble | undefined {
  if (error instanceof Deno.errors.NotCapable) return OUT_OF_BOUNDS;
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return FILE_SYSTEM[String(error.code)];
}

const OUT_OF_BOUNDS: Trouble = ["a program may not keep data there", "Name another folder with --data-dir"];

const FILE_SYSTEM: Record<string, Trouble> = {
  ENOENT: ["its folder is gone", 'Make it anew with "userpipe init", or name another with --data-dir'],
  ENAMETOOLONG: ["its name is too long", "Name another folder with --data-dir"],
  EACCES: ["it may not be written", "Give write permission to the folder, or name another with --data-dir"],
  EPERM: ["it may not be written", "Give write permission to the folder, or name another with --data-dir"],
  EROFS: ["the file system is read-only", "Name another folder with --data-dir"],
  EEXIST: ["a file is where its folder should be", "Name another folder with --data-dir"],
  ENOTDIR: ["a file is where its folder should be", "Name another folder with --data-dir"],
  ENOSPC: ["the disk is full", "Make room: what was acknowledged is kept", "data-folder-busy"],
};

function sqliteTrouble(error: unknown): Trouble | undefined {
  const code = sqliteCode(error);
  if (code === undefined) return undefined;
  return SQLITE[code] ?? [messageOf(error), "Look at the file, or name another folder with --data-dir"];
}

/** https://sqlite.org/rescode.html, primary result codes. */
const SQLITE: Record<number, Trouble> = {
  5: ["another process holds it", "End the other process, or name another folder with --data-dir", "data-folder-busy"],
  8: ["it is read-only", "Give write permission to it, or name another folder with --data-dir"],
  10: ["the disk did not answer as it should", "Look at the disk, then start again: what was acknowledged is kept"],
  11: ["the file is damaged", "Put back a copy of it, or name another folder with --data-dir"],
  13: ["the disk is full", "Make room: what was acknowledged is kept", "data-folder-busy"],
  14: ["it cannot be opened", "Look at the folder and its permissions, or name another with --data-dir"],
  26: ["it is not a SQLite database", "Move the file away, or name another folder with --data-dir"],
};

/** SQLITE_IOERR_SHMSIZE: the file beside a WAL cannot grow, which on a full disk comes before SQLITE_FULL. */
const SHARED_MEMORY_FULL = 4874;

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errcode, code } = error as { errcode?: number; code?: string };
  if (errcode === SHARED_MEMORY_FULL) return 13;
  if (typeof errcode === "number") return errcode & 0xff;
  if (code !== "ERR_SQLITE_ERROR") return undefined;
  if (/not a database/.test(error.message)) return 26;
  if (/unable to open/.test(error.message)) return 14;
  return -1;
}

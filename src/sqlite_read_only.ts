/**
 * How a SQLite file of the data folder is read where nothing may be written beside it: with the write-ahead log that
 * its writer keeps there, or else from a copy, since without a log SQLite reads no file that has had one.
 */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { UserpipeError } from "./errors.ts";

/** An open file, and whether what is seen through it is what is there. */
export interface ReadOnly {
  db: DatabaseSync;
  /** False once the file has changed behind its copy: open it again. */
  isCurrent(): boolean;
}

/** What is copied at the most, in bytes. */
const MOST_COPIED = 1024 ** 3;
/** A copy of a file that was being written to is thrown away, and made again so often. */
const TRIES = 3;

/**
 * @param path of a file that is there
 * @param timeout how long a statement waits for a lock, in ms
 * @throws {UserpipeError} `data-folder` where it is too large for a copy; SQLite's and the system's errors as they are
 */
export function openReadOnly(path: string, timeout: number): ReadOnly {
  const shared = new DatabaseSync(path, { readOnly: true, timeout });
  try {
    look(shared);
    return { db: shared, isCurrent: () => true };
  } catch (error) {
    shared.close();
    if (!CANNOT_WRITE.includes(codeOf(error))) throw error;
  }
  for (let left = TRIES; left > 0; left--) {
    const seen = stateOf(path);
    const db = copyOf(path, timeout);
    if (stateOf(path) === seen) return { db, isCurrent: () => stateOf(path) === seen };
    db.close();
  }
  throw new UserpipeError("data-folder-busy", `"${path}" changes while it is read`, "Run it again");
}

/** Opening reads nothing yet. The first read needs the log and its index, if only to make them. */
function look(db: DatabaseSync): void {
  db.prepare("SELECT count(*) FROM sqlite_schema").get();
}

/** READONLY and CANTOPEN of https://sqlite.org/rescode.html. */
const CANNOT_WRITE = [8, 14];

function codeOf(error: unknown): number {
  const { errcode = 0 } = error as { errcode?: number };
  return errcode & 0xff;
}

/** A copy that has no name any more, so that it goes with the process; opened so that nothing is written to it. */
function copyOf(path: string, timeout: number): DatabaseSync {
  if (sizeOf(path) + sizeOf(`${path}-wal`) > MOST_COPIED) throw tooLarge(path);
  const folder = Deno.makeTempDirSync({ prefix: "userpipe-" });
  try {
    const copy = join(folder, "copy.db");
    Deno.copyFileSync(path, copy);
    if (sizeOf(`${path}-wal`) > 0) Deno.copyFileSync(`${path}-wal`, `${copy}-wal`);
    for (const { name } of [...Deno.readDirSync(folder)]) Deno.chmodSync(join(folder, name), 0o600);
    const whole = new DatabaseSync(copy, { timeout });
    try {
      // Takes in what is in the log, and does without one.
      whole.prepare("PRAGMA journal_mode = DELETE").get();
    } finally {
      whole.close();
    }
    const db = new DatabaseSync(copy, { readOnly: true, timeout });
    look(db);
    return db;
  } finally {
    // Windows removes no file that is open, and clears the folder of such files by itself.
    if (Deno.build.os !== "windows") Deno.removeSync(folder, { recursive: true });
  }
}

/** What a change leaves a trace in. */
function stateOf(path: string): string {
  const { ino, size, mtime } = Deno.statSync(path);
  return `${ino} ${size} ${mtime?.getTime()} ${sizeOf(`${path}-wal`)}`;
}

/** 0 where there is none. */
function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

function tooLarge(path: string): UserpipeError {
  return new UserpipeError(
    "data-folder",
    `Cannot read "${path}": its folder may not be written, and it is too large to be read from a copy`,
    "Give write permission to the folder, or copy it to where there is, and name the copy with --data-dir",
  );
}

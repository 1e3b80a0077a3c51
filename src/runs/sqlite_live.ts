/**
 * The live figures of processes, in a file of their own beside the record of runs: written every second, they may be lost with
 * the machine, and need not wait for its disk as runs do.
 */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { StatementSync } from "node:sqlite";
import { LIVE_KEPT_MS, type LiveFigures, type LiveRecord } from "../live.ts";
import { type Database, openDatabase, openExisting, translate } from "../sqlite.ts";

const MIGRATIONS = [
  `CREATE TABLE live (
    -- Since the epoch.
    second INTEGER NOT NULL,
    process TEXT NOT NULL,
    -- JSON.
    figures TEXT NOT NULL,
    PRIMARY KEY (second, process)
  ) STRICT, WITHOUT ROWID`,
];

const PUT = "INSERT OR REPLACE INTO live VALUES (?, ?, ?)";
const SINCE = "SELECT figures FROM live WHERE second >= ? ORDER BY second, process";
/** A clock that was set back leaves some of a time that is to come. */
const FORGET = "DELETE FROM live WHERE second < ? OR second > ?";
/** How often the old ones are removed: in puts. */
const FORGET_EVERY = 60;

/** How long a write waits for that of another process, in ms: the process does nothing else meanwhile. */
const BUSY_MS = 20;

/** The file is made by the first put, and its folder only where the record of runs may be made. */
export class LiveFile implements LiveRecord {
  readonly #path: string;
  readonly #make: boolean;
  #db: Database | undefined;
  #put: StatementSync | undefined;
  #puts = 0;

  constructor(path: string, make: boolean) {
    this.#path = path;
    this.#make = make;
  }

  async put(figures: LiveFigures): Promise<void> {
    if (this.#db === undefined && !this.#make && !existsSync(dirname(this.#path))) return;
    this.#db ??= this.#opened(openDatabase(this.#path, MIGRATIONS));
    try {
      this.#put ??= this.#db.prepare(PUT);
      // Each by itself: a transaction around one statement costs as much again, every second.
      this.#put.run(secondOf(figures.at), figures.process, JSON.stringify(figures));
      if (this.#puts++ % FORGET_EVERY > 0) return;
      const now = Date.now();
      this.#db.prepare(FORGET).run(secondOf(now - LIVE_KEPT_MS), secondOf(now + LIVE_KEPT_MS));
    } catch (error) {
      throw translate(error, this.#path);
    }
  }

  async since(at: number): Promise<LiveFigures[]> {
    if (this.#db !== undefined && !this.#db.isCurrent()) this.close();
    if (this.#db === undefined && !existsSync(this.#path)) return [];
    this.#db ??= this.#opened(openExisting(this.#path, MIGRATIONS));
    try {
      const rows = this.#db.prepare(SINCE).all(secondOf(at));
      const figures = rows.map(({ figures }): LiveFigures => JSON.parse(String(figures)));
      return figures.filter((each) => each.at >= at).sort((a, b) => a.at - b.at);
    } catch (error) {
      throw translate(error, this.#path);
    }
  }

  close(): void {
    this.#db?.close();
    this.#db = this.#put = undefined;
  }

  #opened(db: Database): Database {
    db.exec(`PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = ${BUSY_MS}`);
    return db;
  }
}

function secondOf(ms: number): number {
  return Math.floor(ms / 1000);
}

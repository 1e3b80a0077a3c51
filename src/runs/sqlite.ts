/** The record of runs in one SQLite file of the data folder. */
import { openDatabase } from "../sqlite.ts";
import type { Runs } from "./runs.ts";

const MIGRATIONS = [
  `CREATE TABLE run (
    id TEXT PRIMARY KEY,
    started_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    seed TEXT,
    page INTEGER,
    count INTEGER,
    state TEXT NOT NULL,
    ended_at INTEGER,
    fetched INTEGER,
    published INTEGER,
    refused INTEGER,
    error TEXT
  ) STRICT, WITHOUT ROWID`,
  "ALTER TABLE run ADD COLUMN outbox INTEGER",
];

/** @throws {UserpipeError} `data-folder` */
export function openSqliteRuns(path: string): Runs {
  const db = openDatabase(path, MIGRATIONS);
  const insert = db.prepare(
    "INSERT INTO run (id, started_at, source, seed, page, count, state) VALUES (?, ?, ?, ?, ?, ?, 'running')",
  );
  const update = db.prepare(
    "UPDATE run SET state = ?, ended_at = ?, fetched = ?, published = ?, outbox = ?, refused = ?, error = ? WHERE id = ?",
  );
  return {
    async begin({ id, startedAt, source, seed, page, count }) {
      db.transaction(() => insert.run(id, startedAt, source, seed, page, count));
    },
    async end(id, { state, endedAt, fetched, published, outbox, refused, error }) {
      db.transaction(() => update.run(state, endedAt, fetched, published, outbox, refused, error, id));
    },
    async close() {
      db.close();
    },
  };
}

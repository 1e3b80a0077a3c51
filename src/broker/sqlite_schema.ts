/** The embedded broker's tables, and statements that give rows as arrays, which cost half of what objects do. */
import type { StatementSync } from "node:sqlite";
import type { Database } from "../sqlite.ts";

/** For `openDatabase`. */
export const MIGRATIONS = [`
  CREATE TABLE topics (
    name TEXT PRIMARY KEY,
    retention_ms INTEGER NOT NULL,
    retention_bytes INTEGER NOT NULL,
    max_message_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL REFERENCES topics,
    number INTEGER NOT NULL,
    -- The first offset that it holds, and the next to be written.
    first INTEGER NOT NULL DEFAULT 0,
    next INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    -- The latest timestamp there ever was in it.
    latest REAL NOT NULL DEFAULT -1,
    UNIQUE (topic, number)
  ) STRICT;
  CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL REFERENCES partitions,
    base INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    appended INTEGER NOT NULL,
    -- The latest timestamp in it, and in it and all before it: the second only grows with the offset.
    latest REAL NOT NULL,
    latest_so_far REAL NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX chunks_by_offset ON chunks (partition, base);
  CREATE INDEX chunks_by_time ON chunks (partition, latest_so_far, base, latest);
  CREATE TABLE positions (
    group_name TEXT NOT NULL,
    partition INTEGER NOT NULL REFERENCES partitions,
    -- Null where nothing was committed.
    position INTEGER,
    -- The member that has the lease; the epoch grows each time it changes hands.
    owner TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (group_name, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE members (
    rank INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL REFERENCES topics,
    group_name TEXT NOT NULL,
    -- Milliseconds since the epoch: when its leases end unless it says that it lives.
    expires INTEGER NOT NULL
  ) STRICT;
`];

/** A statement whose rows are arrays of type `Row`, in the order of its columns. */
export interface Rows<Row> {
  get(...values: (string | number)[]): Row | undefined;
  all(...values: (string | number)[]): Row[];
  iterate(...values: (string | number)[]): Iterable<Row>;
}

export function rows<Row extends unknown[]>(db: Database, sql: string): Rows<Row> {
  const statement = db.prepare(sql) as StatementSync & { setReturnArrays(on: boolean): void };
  statement.setReturnArrays(true);
  return statement as unknown as Rows<Row>;
}

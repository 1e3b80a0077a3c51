/** The schema of the record of runs: what was asked of each run, and what came of each of its attempts. */

/** From each version of the file to the next. */
export const MIGRATIONS = [
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
  // Of the runs before it is not known how they were asked for: what is null is not fetched again.
  `CREATE TABLE attempt (
    run TEXT NOT NULL REFERENCES run (id),
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    fetched INTEGER,
    published INTEGER,
    outbox INTEGER,
    refused INTEGER,
    error TEXT,
    PRIMARY KEY (run, number)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO attempt SELECT id, 1, started_at, ended_at, fetched, published, outbox, refused, error FROM run;
  ALTER TABLE run DROP COLUMN ended_at;
  ALTER TABLE run DROP COLUMN fetched;
  ALTER TABLE run DROP COLUMN published;
  ALTER TABLE run DROP COLUMN outbox;
  ALTER TABLE run DROP COLUMN refused;
  ALTER TABLE run DROP COLUMN error;
  ALTER TABLE run ADD COLUMN kind TEXT;
  ALTER TABLE run ADD COLUMN source_kind TEXT;
  ALTER TABLE run ADD COLUMN url TEXT;
  ALTER TABLE run ADD COLUMN nat TEXT;
  ALTER TABLE run ADD COLUMN pipeline TEXT;
  ALTER TABLE run ADD COLUMN broker TEXT;
  ALTER TABLE run ADD COLUMN topic TEXT;
  ALTER TABLE run ADD COLUMN owner TEXT;
  CREATE INDEX run_open ON run (started_at) WHERE state IN ('running', 'interrupted')`,
];

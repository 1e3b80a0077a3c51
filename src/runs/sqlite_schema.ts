/**
 * The schema of the record of runs: what was asked of each run and came of each of its attempts, the
 * schedules and who leads them, and the quota. */

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
  `CREATE TABLE schedule (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    -- JSON.
    definition TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    broker TEXT NOT NULL,
    topic TEXT NOT NULL,
    paused_at INTEGER,
    -- The process that leads it, until when unless it says that it lives; the epoch grows each time it changes hands.
    owner TEXT,
    expires INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 0,
    last_tick INTEGER,
    -- Times behind it count.
    since INTEGER NOT NULL,
    -- Up to this time, runs of it that were on record are pruned.
    pruned_to INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  CREATE TABLE run_new (
    -- The order in which they came.
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Where it is interrupted, whether it is to be fetched again by itself: only what came over HTTP is.
    again INTEGER NOT NULL DEFAULT 0,
    -- The process that makes it or, where it is interrupted, is to.
    owner TEXT,
    attempts INTEGER NOT NULL,
    schedule INTEGER,
    scheduled_at INTEGER,
    queued_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    error TEXT,
    source TEXT NOT NULL,
    source_kind TEXT NOT NULL,
    seed TEXT,
    page INTEGER,
    count INTEGER,
    url TEXT,
    nat TEXT,
    -- Empty where a version before runs had targets made it.
    pipeline TEXT NOT NULL,
    broker TEXT NOT NULL,
    topic TEXT NOT NULL
  ) STRICT;
  CREATE TABLE attempt_new (
    run INTEGER NOT NULL REFERENCES run_new (seq) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    fetched INTEGER NOT NULL DEFAULT 0,
    published INTEGER NOT NULL DEFAULT 0,
    outbox INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    next_at INTEGER,
    PRIMARY KEY (run, number)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO run_new (id, kind, state, again, owner, attempts, queued_at, started_at, ended_at, error,
      source, source_kind, seed, page, count, url, nat, pipeline, broker, topic)
    SELECT id, ifnull(kind, 'manual'),
      CASE WHEN state = 'cut' OR (state = 'running' AND pipeline IS NULL) THEN 'interrupted' ELSE state END,
      state = 'interrupted' AND source_kind IS 'http', owner,
      (SELECT max(number) FROM attempt WHERE run = id), started_at, started_at,
      (SELECT ended_at FROM attempt WHERE run = id ORDER BY number DESC LIMIT 1),
      (SELECT error FROM attempt WHERE run = id ORDER BY number DESC LIMIT 1),
      source, ifnull(source_kind, CASE WHEN source LIKE 'http%' THEN 'http' ELSE 'file' END),
      seed, page, count, url, nat, ifnull(pipeline, ''), ifnull(broker, 'embedded'), ifnull(topic, '')
    FROM run ORDER BY started_at;
  INSERT INTO attempt_new (run, number, started_at, ended_at, fetched, published, outbox, refused, error)
    SELECT (SELECT seq FROM run_new WHERE id = run), number, started_at, ended_at,
      ifnull(fetched, 0), ifnull(published, 0), ifnull(outbox, 0), ifnull(refused, 0), error FROM attempt;
  DROP TABLE attempt;
  DROP TABLE run;
  ALTER TABLE run_new RENAME TO run;
  ALTER TABLE attempt_new RENAME TO attempt;
  CREATE INDEX run_queued_at ON run (queued_at);
  CREATE INDEX run_owned ON run (owner) WHERE owner IS NOT NULL;
  CREATE INDEX run_again ON run (queued_at) WHERE again = 1;
  CREATE INDEX run_waiting ON run (queued_at) WHERE state = 'queued';
  CREATE UNIQUE INDEX run_tick ON run (schedule, scheduled_at) WHERE schedule IS NOT NULL;

  CREATE TABLE log (
    run INTEGER NOT NULL REFERENCES run (seq) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, number)
  ) STRICT, WITHOUT ROWID;

  -- What was asked of an address, and until when it refuses.
  CREATE TABLE reservation (api TEXT NOT NULL, at INTEGER NOT NULL, records INTEGER NOT NULL) STRICT;
  CREATE INDEX reservation_of ON reservation (api, at);
  CREATE TABLE blocked (api TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  -- One row, that grows with what other processes are to know at once.
  CREATE TABLE change (count INTEGER NOT NULL) STRICT;
  INSERT INTO change VALUES (0)`,
];

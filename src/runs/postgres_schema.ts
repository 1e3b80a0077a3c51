/** The tables of the record of runs in Postgres, in a schema of their own; they come and grow by themselves. */
import { UserpipeError } from "../errors.ts";
import type { Client, Sql } from "./postgres_session.ts";
import { transaction } from "./postgres_transaction.ts";

/** From each version of the schema to the next. Times are the database's own, to the ms. */
const MIGRATIONS = [
  `CREATE TABLE record (
    -- Grows with what other processes are to know at once.
    changes bigint NOT NULL,
    -- Until then nobody is taken for dead: the database was away, and who lives has to have the time to say so.
    grace timestamptz(3) NOT NULL
  );
  INSERT INTO record VALUES (0, '-infinity');

  CREATE TABLE process (
    id uuid PRIMARY KEY,
    -- When it is taken for dead, unless it says that it lives.
    expires timestamptz(3) NOT NULL
  );
  -- Of a process, and how long who says nothing is not taken for dead.
  CREATE FUNCTION alive(uuid, interval) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM userpipe.process, userpipe.record
      WHERE id = $1 AND greatest(expires, grace, pg_postmaster_start_time() + $2) > clock_timestamp())
  $$;

  CREATE TABLE schedule (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    text text NOT NULL,
    definition jsonb NOT NULL,
    pipeline text NOT NULL,
    broker text NOT NULL,
    topic text NOT NULL,
    -- Due times count behind it.
    since timestamptz(3) NOT NULL,
    paused_at timestamptz(3),
    -- The process that leads it, until when unless it says so again; the epoch grows each time it changes hands.
    owner uuid,
    expires timestamptz(3) NOT NULL DEFAULT '-infinity',
    epoch bigint NOT NULL DEFAULT 0,
    last_tick timestamptz(3),
    -- Up to this time, runs of it that were on record are pruned.
    pruned_to timestamptz(3)
  );

  CREATE TABLE run (
    -- The order in which they came.
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    kind text NOT NULL,
    state text NOT NULL,
    -- Where it is interrupted, whether it is to be fetched again by itself.
    again boolean NOT NULL DEFAULT false,
    -- The process that makes it or, where it is interrupted, is to; the claim grows each time it changes hands.
    owner uuid,
    claim integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    schedule integer REFERENCES schedule,
    scheduled_at timestamptz(3),
    queued_at timestamptz(3) NOT NULL,
    started_at timestamptz(3),
    ended_at timestamptz(3),
    error text,
    source text NOT NULL,
    source_kind text NOT NULL,
    seed text,
    page integer,
    count integer,
    url text,
    nat text,
    pipeline text NOT NULL,
    broker text NOT NULL,
    topic text NOT NULL,
    -- One run a tick, ever.
    UNIQUE (schedule, scheduled_at)
  );
  CREATE INDEX run_queued_at ON run (queued_at, seq);
  CREATE INDEX run_open ON run (state, owner) WHERE state IN ('queued', 'running', 'interrupted');

  CREATE TABLE attempt (
    run bigint NOT NULL REFERENCES run ON DELETE CASCADE,
    number integer NOT NULL,
    started_at timestamptz(3) NOT NULL,
    ended_at timestamptz(3),
    fetched bigint NOT NULL DEFAULT 0,
    published bigint NOT NULL DEFAULT 0,
    outbox bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    error text,
    next_at timestamptz(3),
    PRIMARY KEY (run, number)
  );

  CREATE TABLE log (
    run bigint NOT NULL REFERENCES run ON DELETE CASCADE,
    -- A line that is sent twice is one: its place in what one owner said.
    claim integer NOT NULL,
    number integer NOT NULL,
    attempt integer NOT NULL,
    at timestamptz(3) NOT NULL,
    level text NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (run, claim, number)
  );

  -- What was asked of an address, and until when it refuses.
  CREATE TABLE reservation (api text NOT NULL, at timestamptz(3) NOT NULL, records integer NOT NULL);
  CREATE INDEX reservation_of ON reservation (api, at);
  CREATE TABLE blocked (api text PRIMARY KEY, until timestamptz(3) NOT NULL);`,
  `CREATE UNLOGGED TABLE live (
    -- Since the epoch, on the clock of the process.
    second bigint NOT NULL,
    process text NOT NULL,
    -- JSON.
    figures text NOT NULL,
    PRIMARY KEY (second, process)
  )`,
  `-- Tells this record from one that is made anew in its place.
  ALTER TABLE record ADD COLUMN identity uuid NOT NULL DEFAULT md5(random()::text || clock_timestamp()::text)::uuid`,
];

/** Of the advisory lock that migrations take: "userpipe" in ASCII, as two numbers. */
const LOCK = [0x75736572, 0x70697065] as const;

/** The version of the schema that is there; 0 where there is none. */
export async function versionOf(sql: Sql): Promise<number> {
  // Asked of the catalogue itself: behind a lock that was waited for, what the session remembers of names is old.
  const [there] = await sql`SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'userpipe' AND relname = 'version'`;
  if (there === undefined) return 0;
  const [row] = await sql<{ version: number }[]>`SELECT version FROM userpipe.version`;
  return row?.version ?? 0;
}

/**
 * Brings the schema to this version: one process at a time, all or nothing.
 * @throws {UserpipeError} `settings` where a newer userpipe made it
 */
export async function migrate(client: Client, name: string): Promise<void> {
  if (await isCurrent(client, name)) return;
  await transaction(client, async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(${LOCK[0]}::int, ${LOCK[1]}::int)`;
    if (await isCurrent(tx, name)) return;
    const from = await versionOf(tx);
    // Asked first: where it is there, to make it needs a right that one may not have.
    const [schema] = await tx`SELECT FROM pg_namespace WHERE nspname = 'userpipe'`;
    if (schema === undefined) await tx`CREATE SCHEMA userpipe`;
    if (from === 0) await tx`CREATE TABLE IF NOT EXISTS userpipe.version (version integer NOT NULL)`;
    for (const migration of MIGRATIONS.slice(from)) await tx.unsafe(migration);
    await tx`DELETE FROM userpipe.version`;
    await tx`INSERT INTO userpipe.version VALUES (${MIGRATIONS.length})`;
  });
}

async function isCurrent(sql: Sql, name: string): Promise<boolean> {
  const version = await versionOf(sql);
  if (version > MIGRATIONS.length) {
    throw new UserpipeError(
      "settings",
      `The record of runs in ${name} is of a newer userpipe: version ${version}, and this one knows ${MIGRATIONS.length}`,
      "Use that userpipe here too, or name another database with --runs (USERPIPE_RUNS)",
    );
  }
  return version === MIGRATIONS.length;
}

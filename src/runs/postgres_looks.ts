/** What people see of the record of runs in Postgres, and what is removed of it. */
import { DAY_MS, statsOf, type Sum, type Took } from "./figures.ts";
import type { OwnProcess } from "./postgres_process.ts";
import { detailsOf, listOf, type Row, runOf, selectRuns } from "./postgres_rows.ts";
import type { Session, Sql } from "./postgres_session.ts";
import type { LogLine, RunFilter, Runs, RunStats } from "./runs.ts";

/** So many runs a transaction, so that nobody waits for a long one. */
const AT_ONCE = 1_000;

export function looksOf(session: Session, own: OwnProcess): Pick<Runs, "list" | "get" | "find" | "stats" | "prune"> {
  const look = <T>(work: (sql: Sql) => Promise<T>): Promise<T> =>
    session.run(async (sql) => {
      await own.settle(sql);
      return await work(sql);
    });
  return {
    async list(filter) {
      const rows = await look((sql) =>
        sql<Row[]>`${selectRuns(sql)} WHERE ${conditions(sql, filter)}
          ORDER BY queued_at DESC, seq DESC LIMIT ${filter.limit ?? 50}`
      );
      return rows.map(runOf);
    },
    async get(id) {
      return await look(async (sql) => {
        const [row] = await sql<Row[]>`${selectRuns(sql)} WHERE id = ${id}`;
        if (row === undefined) return null;
        const attempts = await sql`SELECT * FROM attempt WHERE run = ${row.seq} ORDER BY number`;
        const lines = await sql<LogLine[]>`SELECT attempt, at, level, text FROM log WHERE run = ${row.seq}
          ORDER BY claim, number`;
        return detailsOf(runOf(row), attempts, lines);
      });
    },
    async find(prefix) {
      const rows = await session.run((sql) =>
        sql<{ id: string }[]>`SELECT id FROM run WHERE starts_with(id, ${prefix}) ORDER BY seq DESC LIMIT 10`
      );
      return rows.map(({ id }) => id);
    },
    stats: (since) => look((sql) => figuresOf(sql, since)),
    async prune(before, keep) {
      await session.run((sql) => own.settle(sql));
      const removed = await removeAll(session, (sql) =>
        sql`queued_at < ${before}
        AND coalesce(ended_at, started_at, queued_at) < ${before}`);
      if (keep === undefined) return removed;
      const [beyond] = await session.run((sql) =>
        sql<{ seq: number; queuedAt: number }[]>`SELECT queued_at, seq FROM run WHERE ${ended(sql)}
          ORDER BY queued_at DESC, seq DESC LIMIT 1 OFFSET ${keep}`
      );
      if (beyond === undefined) return removed;
      const { queuedAt, seq } = beyond;
      return removed + await removeAll(session, (sql) => sql`(queued_at, seq) <= (${queuedAt}, ${seq})`);
    },
  };
}

/** States and kinds are few, and each a parameter of its own: of a list as one value it is not known which index finds them. */
function conditions(sql: Sql, { ids, states, kinds, target, since }: RunFilter) {
  return sql`true
    ${ids === undefined ? sql`` : sql`AND id IN ${listOf(sql, ids)}`}
    ${states === undefined ? sql`` : sql`AND state IN ${sql(states)}`}
    ${kinds === undefined ? sql`` : sql`AND kind IN ${sql(kinds)}`}
    ${target?.pipeline === undefined ? sql`` : sql`AND pipeline = ${target.pipeline}`}
    ${target?.broker === undefined ? sql`` : sql`AND broker = ${target.broker}`}
    ${target?.topic === undefined ? sql`` : sql`AND topic = ${target.topic}`}
    ${since === undefined ? sql`` : sql`AND queued_at >= ${since}`}`;
}

const ended = (sql: Sql) => sql`state NOT IN ('queued', 'running') AND NOT again`;

async function removeAll(session: Session, which: (sql: Sql) => ReturnType<typeof ended>): Promise<number> {
  for (let removed = 0;;) {
    const some = await session.transaction(async (sql) => {
      // Of a time there is one run ever, also where the first is not on record any more.
      const [{ count }] = await sql<[{ count: number }]>`
        WITH gone AS (
          DELETE FROM run WHERE seq IN (SELECT seq FROM run WHERE ${ended(sql)} AND ${which(sql)} LIMIT ${AT_ONCE})
          RETURNING schedule, scheduled_at
        ), last AS (
          SELECT schedule, max(scheduled_at) AS time FROM gone WHERE schedule IS NOT NULL GROUP BY schedule
        ), noted AS (
          UPDATE schedule SET pruned_to = greatest(pruned_to, time) FROM last WHERE id = last.schedule
        )
        SELECT count(*) FROM gone`;
      return count;
    });
    removed += some;
    if (some < AT_ONCE) return removed;
  }
}

async function figuresOf(sql: Sql, since: number): Promise<RunStats> {
  const from = sql`FROM run LEFT JOIN attempt ON attempt.run = seq AND number = attempts WHERE queued_at >= ${since}`;
  const sums = await sql<Sum[]>`SELECT
      floor(extract(epoch FROM coalesce(attempt.started_at, queued_at)) * 1000 / ${DAY_MS})::bigint AS day, state,
      count(*) AS runs, count(*) FILTER (WHERE attempts > 0) AS attempted, coalesce(sum(fetched), 0)::bigint AS fetched,
      coalesce(sum(published), 0)::bigint AS published, coalesce(sum(refused), 0)::bigint AS refused
    ${from} GROUP BY day, state ORDER BY day`;
  const took = await sql<Took[]>`SELECT
      (extract(epoch FROM attempt.ended_at - attempt.started_at) * 1000)::bigint AS ms, count(*) AS runs
    ${from} AND attempt.ended_at IS NOT NULL GROUP BY ms ORDER BY ms`;
  return statsOf(sums, took);
}

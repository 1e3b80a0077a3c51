/** Rows of the record of runs in Postgres, and what they are to the port. */
import type { Attempt, LogLine, NewRun, Run, RunDetails, RunState, ScheduleRecord } from "./runs.ts";
import type { Sql } from "./postgres_session.ts";

/** Columns in camel case, times in ms. */
export type Row = Record<string, unknown> & { seq: number; id: string; claim: number; owner: string | null };

/** A run that is put on record. */
export interface Put {
  run: NewRun;
  state: Extract<RunState, "queued" | "running" | "skipped" | "missed">;
}

/** Whose they are: the process of those that run, and the schedule whose times they are. */
export interface Whose {
  process: string;
  schedule?: number;
}

/**
 * Puts runs on record, in this order; those that are `running` with their first attempt.
 * @param known the column, or columns, by which one that is on record already is left out; without it that is an error
 * @returns the ids of those that were put there
 */
export async function insertRuns(sql: Sql, puts: readonly Put[], whose: Whose, known?: string): Promise<Set<string>> {
  const rows = puts.map(({ run, state }, n) => ({ ...run, ...run.target, target: undefined, state, n }));
  const inserted = await sql<{ id: string }[]>`
    WITH given AS (
      SELECT *, state = 'running' AS running, statement_timestamp() AS now FROM jsonb_to_recordset(${
    JSON.stringify(rows)
  }::text::jsonb) AS g(
        n int, id text, kind text, state text, "scheduledAt" bigint, source text, "sourceKind" text, seed text, page int,
        count int, url text, nat text, pipeline text, broker text, topic text)
    ), put AS (
      INSERT INTO run (id, kind, state, owner, claim, attempts, schedule, scheduled_at, queued_at, started_at, ended_at,
        source, source_kind, seed, page, count, url, nat, pipeline, broker, topic)
      SELECT id, kind, state, CASE WHEN running THEN ${whose.process}::uuid END, running::int, running::int,
        ${whose.schedule ?? null}::int, to_timestamp("scheduledAt" / 1000.0),
        CASE WHEN state IN ('skipped', 'missed') THEN least(now, to_timestamp("scheduledAt" / 1000.0)) ELSE now END,
        CASE WHEN running THEN now END, CASE WHEN NOT running AND state <> 'queued' THEN now END,
        source, "sourceKind", seed, page, count, url, nat, pipeline, broker, topic
      FROM given ORDER BY n
      ${known === undefined ? sql`` : sql`ON CONFLICT (${sql.unsafe(known)}) DO NOTHING`}
      RETURNING seq, id, state, started_at
    ), begun AS (
      INSERT INTO attempt (run, number, started_at) SELECT seq, 1, started_at FROM put WHERE state = 'running'
    )
    SELECT id FROM put`;
  return new Set(inserted.map(({ id }) => id));
}

/** A run with its last attempt's counts, and how long all of them took; what comes behind it picks some. */
export function selectRuns(sql: Sql) {
  return sql`SELECT run.*, attempt.fetched, attempt.published, attempt.outbox, attempt.refused, attempt.bytes,
      CASE WHEN state = 'running' AND attempt.ended_at IS NULL THEN attempt.started_at END AS attempt_since,
      (SELECT (extract(epoch FROM sum(tried.ended_at - tried.started_at)) * 1000)::bigint
        FROM attempt AS tried WHERE tried.run = seq) AS worked_ms
    FROM run LEFT JOIN attempt ON attempt.run = seq AND number = attempts`;
}

/** Texts, for `IN`: the driver knows arrays only by a question that it asks behind each connecting. */
export function listOf(sql: Sql, texts: readonly string[]) {
  return sql`(SELECT jsonb_array_elements_text(${JSON.stringify(texts)}::text::jsonb))`;
}

/** A condition on the target of a run. */
export function ofTarget(sql: Sql, { pipeline, broker, topic }: Run["target"]) {
  return sql`pipeline = ${pipeline} AND broker = ${broker} AND topic = ${topic}`;
}

export function runOf(row: Row): Run {
  const { id, kind, state, scheduledAt, queuedAt, startedAt, endedAt, attempts, error } = row;
  const { source, sourceKind, seed, page, count, url, nat, pipeline, broker, topic } = row;
  const of = (name: keyof Run) => row[name] ?? 0;
  const counts = { fetched: of("fetched"), published: of("published"), outbox: of("outbox"), refused: of("refused") };
  return {
    ...{ id, kind, state, scheduledAt, queuedAt, startedAt, endedAt, attempts, error, ...counts, bytes: of("bytes") },
    ...{ workedMs: of("workedMs"), attemptSince: row.attemptSince },
    ...{ source, sourceKind, seed, page, count, url, nat, target: { pipeline, broker, topic } },
  } as Run;
}

export function detailsOf(run: Run, attempts: readonly Record<string, unknown>[], log: readonly LogLine[]): RunDetails {
  const tries = attempts.map(({ run: _, ...attempt }) => {
    // None comes by itself any more where the run has ended meanwhile.
    const isLast = attempt.number === run.attempts && run.state !== "running";
    return { ...attempt, ...(isLast ? { nextAt: null } : {}) } as unknown as Attempt;
  });
  return { ...run, tries, log: log.map((line) => ({ ...line })) };
}

export function scheduleOf(row: Record<string, unknown>): ScheduleRecord {
  const { name, text, definition, pipeline, broker, topic, pausedAt, lastTick, since, led } = row;
  return {
    name,
    text,
    definition,
    target: { pipeline, broker, topic },
    pausedAt,
    lastTick,
    since,
    led,
  } as ScheduleRecord;
}

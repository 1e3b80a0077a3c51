/** Rows of the record of runs, and what they are to the port. */
import type { Attempt, LogLine, NewRun, Run, RunDetails, ScheduleRecord } from "./runs.ts";
import type { RecordFile } from "./sqlite_record.ts";

const INSERT =
  `INSERT INTO run (id, kind, state, owner, attempts, schedule, scheduled_at, queued_at, started_at, ended_at,
    source, source_kind, seed, page, count, url, nat, pipeline, broker, topic)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`;
const ATTEMPT = "INSERT INTO attempt (run, number, started_at) VALUES (?, ?, ?)";

/** A run with its last attempt's counts, and how long all of them took; what comes behind it picks some. */
export const SELECT_RUN =
  `SELECT run.*, attempt.fetched, attempt.published, attempt.outbox, attempt.refused, attempt.bytes,
      CASE WHEN state = 'running' AND attempt.ended_at IS NULL THEN attempt.started_at END AS attempt_since,
      (SELECT sum(tried.ended_at - tried.started_at) FROM attempt AS tried WHERE tried.run = seq) AS worked_ms
    FROM run LEFT JOIN attempt ON attempt.run = seq AND number = attempts`;

export type Row = Record<string, unknown>;

/**
 * Inside a transaction: puts a run on record; one that is `running` is this process's, with its first attempt.
 * @param schedule the number of the one whose time it is
 * @returns whether its id is new
 */
export function insertRun(
  record: RecordFile,
  run: NewRun,
  state: "queued" | "running" | "skipped" | "missed",
  now: number,
  schedule: number | null = null,
): boolean {
  const running = state === "running";
  // A time that passed without a run stands where it was due, also where that is put on record later.
  const notMade = state === "skipped" || state === "missed";
  const { target, source, sourceKind, seed, page, count, url, nat } = run;
  const inserted = record.sql(INSERT).run(
    ...[run.id, run.kind, state, running ? record.owners.own() : null, running ? 1 : 0, schedule, run.scheduledAt],
    ...[notMade ? Math.min(now, run.scheduledAt ?? now) : now, running ? now : null, notMade ? now : null],
    ...[source, sourceKind, seed, page, count, url, nat, target.pipeline, target.broker, target.topic],
  );
  if (inserted.changes === 0) return false;
  if (running) insertAttempt(record, Number(inserted.lastInsertRowid), 1, now);
  return true;
}

export function insertAttempt(record: RecordFile, seq: number, number: number, now: number): void {
  record.sql(ATTEMPT).run(seq, number, now);
}

export function runOf(row: Row): Run {
  const { id, kind, state, seed, page, count, url, nat, source, pipeline, broker, topic, attempts, error } = row;
  const { fetched, published, outbox, refused, bytes } = row;
  const counts = { fetched, published, outbox, refused, bytes };
  for (const [name, value] of Object.entries(counts)) counts[name as keyof typeof counts] = value ?? 0;
  return {
    ...{ id, kind, state, scheduledAt: row.scheduled_at, queuedAt: row.queued_at },
    ...{ startedAt: row.started_at, endedAt: row.ended_at, attempts, error, ...counts },
    ...{ workedMs: row.worked_ms ?? 0, attemptSince: row.attempt_since },
    ...{ source, sourceKind: row.source_kind, seed, page, count, url, nat, target: { pipeline, broker, topic } },
  } as Run;
}

export function detailsOf(run: Run, attempts: Row[], log: Row[]): RunDetails {
  const tries = attempts.map((row) => {
    const { number, started_at, ended_at, next_at, error, fetched, published, outbox, refused, bytes } = row;
    // None comes by itself any more where the run has ended meanwhile.
    const nextAt = number === run.attempts && run.state !== "running" ? null : next_at;
    const times = { startedAt: started_at, endedAt: ended_at, nextAt };
    return { number, ...times, error, fetched, published, outbox, refused, bytes } as Attempt;
  });
  return { ...run, tries, log: log.map((line) => ({ ...line }) as unknown as LogLine) };
}

export function scheduleOf(row: Row, led: boolean): ScheduleRecord {
  const { name, text, definition, pipeline, broker, topic, paused_at: pausedAt, last_tick: lastTick, since } = row;
  const target = { pipeline, broker, topic };
  return {
    name,
    text,
    definition: JSON.parse(String(definition)),
    target,
    pausedAt,
    led,
    lastTick,
    since,
  } as ScheduleRecord;
}

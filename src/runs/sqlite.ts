/** The record of runs in one SQLite file of the data folder: the way of a run, from its begin or its queue to its end. */
import { type Check, UserpipeError } from "../errors.ts";
import { dirname, join } from "node:path";
import { whyNotAgain } from "./retry.ts";
import { LEASE_MS, LOG_LINES, LOG_TEXT, type LogLine, type Runs } from "./runs.ts";
import { Changes } from "./sqlite_changes.ts";
import { LiveFile } from "./sqlite_live.ts";
import { looksOf } from "./sqlite_looks.ts";
import { quotaOf } from "./sqlite_quota.ts";
import { RecordFile } from "./sqlite_record.ts";
import { insertAttempt, insertRun, type Row, runOf, SELECT_RUN } from "./sqlite_rows.ts";
import { onRecord, schedulesOf } from "./sqlite_schedules.ts";
import { storable } from "./text.ts";

const TARGET = "pipeline = ? AND broker = ? AND topic = ?";
const CLAIM = `UPDATE run SET owner = ?
  WHERE state = 'interrupted' AND owner IS NULL AND again = 1 AND ${TARGET}`;
const CLAIMED = `${SELECT_RUN} WHERE state = 'interrupted' AND owner = ? AND ${TARGET} ORDER BY queued_at, seq`;
const NEXT_ATTEMPT = `UPDATE run SET state = 'running', again = 0, owner = ?2, attempts = attempts + 1,
    started_at = ifnull(started_at, ?3), ended_at = NULL, error = NULL WHERE seq = ?1`;
/** Of an attempt that is under way there is no other. */
const MAY_BEGIN = `SELECT seq, attempts FROM run WHERE id = ? AND owner = ? AND state IN ('running', 'interrupted')
  AND NOT EXISTS (SELECT 1 FROM attempt
    WHERE state = 'running' AND attempt.run = seq AND number = attempts AND ended_at IS NULL)`;
const END = `UPDATE run SET state = ?3, again = ?4 AND source_kind = 'http', owner = ?5, ended_at = ?6, error = ?7
  WHERE id = ?1 AND owner = ?2 AND state = 'running' RETURNING seq, attempts`;
const END_ATTEMPT = `UPDATE attempt
  SET ended_at = ?, fetched = ?, published = ?, outbox = ?, refused = ?, bytes = ?, error = ?, next_at = ?
  WHERE run = ? AND number = ? AND ended_at IS NULL`;
const PROGRESS = `UPDATE attempt SET fetched = ?3, published = ?4, outbox = ?5, refused = ?6, bytes = ?7
  FROM run WHERE id = ?1 AND owner = ?2 AND state = 'running' AND attempt.run = seq AND number = attempts
    AND attempt.ended_at IS NULL`;
const FORWARDED = `UPDATE run SET state = 'delivered' WHERE id = ? AND attempts = ? AND state = 'to outbox'
  RETURNING seq`;
const FORWARDED_ATTEMPT = `UPDATE attempt
  SET published = published + max(0, outbox - ?3), refused = refused + ?3, outbox = 0 WHERE run = ?1 AND number = ?2`;
const QUEUE_AGAIN = "UPDATE run SET state = 'queued', again = 0, ended_at = NULL WHERE id = ?";

const SOURCE_KIND = "SELECT source_kind FROM run WHERE id = ?";
const OWN = "SELECT seq FROM run WHERE id = ? AND owner = ?";
const LAST_LINE = "SELECT ifnull(max(number), 0) AS number FROM log WHERE run = ?";
const LINE = "INSERT INTO log (run, number, attempt, at, level, text) VALUES (?, ?, ?, ?, ?, ?)";
const FORGET_LINES = "DELETE FROM log WHERE run = ? AND number <= ?";

export interface SqliteRunsOptions {
  /** Whether the file is made where it is not there; without it the record is as one that is empty. True by default. */
  make?: boolean;
  /** {@linkcode LEASE_MS} by default. */
  leaseMs?: number;
}

/** @throws {UserpipeError} `data-folder`, also by all that it does */
export function openSqliteRuns(path: string, { make = true, leaseMs = LEASE_MS }: SqliteRunsOptions = {}): Runs {
  const record = new RecordFile(path, make);
  const changes = new Changes(record);
  const live = new LiveFile(join(dirname(path), "live.db"), make);
  const name = `the record of runs in ${dirname(path)}`;
  return {
    name,
    live,
    check: () => check(record, name),
    ...lifeOf(record),
    ...schedulesOf(record, leaseMs),
    changed: (signal) => changes.wait(signal),
    ...quotaOf(record),
    ...looksOf(record),
    async close() {
      changes.close();
      live.close();
      record.close();
    },
  };
}

async function check(record: RecordFile, component: string): Promise<Check> {
  try {
    const runs = record.read(() => Number(record.sql("SELECT count(*) AS count FROM run").get()!.count));
    return { component, ok: true, detail: runs === 1 ? "1 run" : `${runs} runs` };
  } catch (error) {
    if (error instanceof UserpipeError) return { component, ok: false, error };
    throw error;
  }
}

type Life =
  | "begin"
  | "queue"
  | "takeQueued"
  | "interrupted"
  | "again"
  | "log"
  | "progress"
  | "end"
  | "retry"
  | "forwarded";

function lifeOf(record: RecordFile): Pick<Runs, Life> {
  const beginNext = (seq: number, attempts: number): number => {
    const now = Date.now();
    record.sql(NEXT_ATTEMPT).run(seq, record.owners.own(), now);
    insertAttempt(record, seq, attempts + 1, now);
    return attempts + 1;
  };
  const logOwn = (id: string, lines: readonly LogLine[]): void => {
    const row = lines.length === 0 ? undefined : record.sql(OWN).get(id, record.owners.id);
    if (row !== undefined) addLines(record, Number(row.seq), lines);
  };
  /** I4, I6: an HTTP run whose end is undone is fetched again, which changes nothing; others would be told to be made again. */
  const transactionOf = (id: string) => {
    const again = record.read(() => record.sql(SOURCE_KIND).get(id)?.source_kind) === "http";
    return <T>(work: () => T): T => again ? record.quickTransaction(work) : record.transaction(work);
  };
  return {
    async begin(run) {
      record.transaction(() => {
        if (!insertRun(record, run, "running", Date.now())) throw onRecord(run.id);
      });
    },
    async queue(runs) {
      return record.transaction(() => {
        const now = Date.now();
        const put = runs.filter((run) => insertRun(record, run, "queued", now));
        if (put.length > 0) record.notifyOthers();
        return put;
      });
    },
    async takeQueued({ pipeline, broker, topic }, kinds) {
      const first = `${SELECT_RUN} WHERE state = 'queued' AND kind IN (${kinds.map(() => "?")}) AND ${TARGET}
        ORDER BY queued_at, seq LIMIT 1`;
      const look = (): Row | undefined => record.sql(first).get(...kinds, pipeline, broker, topic);
      // Mostly there is none, and nobody is held up for that.
      if (record.read(look) === undefined) return null;
      return record.transaction(() => {
        const row = look();
        if (row === undefined) return null;
        beginNext(Number(row.seq), Number(row.attempts));
        return runOf(record.sql(`${SELECT_RUN} WHERE seq = ?`).get(row.seq as number)!);
      });
    },
    async interrupted({ pipeline, broker, topic }) {
      return record.transaction(() => {
        const own = record.owners.own();
        record.settleWithin();
        record.sql(CLAIM).run(own, pipeline, broker, topic);
        return record.sql(CLAIMED).all(own, pipeline, broker, topic).map(runOf);
      });
    },
    async again(id) {
      return record.transaction(() => {
        const row = record.sql(MAY_BEGIN).get(id, record.owners.id);
        if (row === undefined) throw new Error(`The run ${id} is not this process's to begin`);
        return beginNext(Number(row.seq), Number(row.attempts));
      });
    },
    async log(id, lines) {
      if (lines.length > 0) record.quickTransaction(() => logOwn(id, lines));
    },
    async progress(id, { fetched, published, outbox, refused, bytes }) {
      const did = [fetched, published, outbox, refused, bytes];
      record.quickTransaction(() => record.sql(PROGRESS).run(id, record.owners.id, ...did));
    },
    async end(id, end, lines = []) {
      return transactionOf(id)(() => {
        logOwn(id, lines);
        const { state, again, endedAt, fetched, published, outbox, refused, bytes, nextAt } = end;
        const error = end.error === null ? null : storable(end.error);
        const goesOn = state === "running";
        const own = record.owners.id;
        const toBeFetched = state === "interrupted" && again ? 1 : 0;
        const row = record.sql(END).get(
          id,
          own,
          state,
          toBeFetched,
          goesOn ? own : null,
          goesOn ? null : endedAt,
          error,
        );
        if (row === undefined) return false;
        const did = [endedAt, fetched, published, outbox, refused, bytes, error, nextAt];
        record.sql(END_ATTEMPT).run(...did, Number(row.seq), Number(row.attempts));
        return true;
      });
    },
    async retry(id) {
      return record.transaction(() => {
        record.settleWithin();
        const row: Row | undefined = record.sql(`${SELECT_RUN} WHERE id = ?`).get(id);
        if (row === undefined) return `There is no run ${id}`;
        const why = whyNotAgain(runOf(row), row.owner !== null);
        if (why !== null) return why;
        record.sql(QUEUE_AGAIN).run(id);
        record.notifyOthers();
        return null;
      });
    },
    async forwarded(runs, text) {
      return record.transaction(() => {
        const at = Date.now();
        return runs.filter(({ id, attempts, refused }) => {
          const row = record.sql(FORWARDED).get(id, attempts);
          if (row === undefined) return false;
          record.sql(FORWARDED_ATTEMPT).run(Number(row.seq), attempts, refused);
          addLines(record, Number(row.seq), [{ attempt: attempts, at, level: "info", text }]);
          return true;
        }).map(({ id }) => id);
      });
    },
  };
}

function addLines(record: RecordFile, seq: number, lines: readonly LogLine[]): void {
  let last = Number(record.sql(LAST_LINE).get(seq)!.number);
  for (const { attempt, at, level, text } of lines.slice(-LOG_LINES)) {
    record.sql(LINE).run(seq, ++last, attempt, at, level, storable(text.slice(0, LOG_TEXT)));
  }
  record.sql(FORGET_LINES).run(seq, last - LOG_LINES);
}

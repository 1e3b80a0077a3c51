/** Removing what ended long ago from the record of runs. */
import { isTransient } from "../errors.ts";
import type { RecordFile } from "./sqlite_record.ts";

/** Of more lines of log than these, some 40 MB, those of the oldest runs go. */
const LOG_LINES_ALL = 300_000;
/** So many runs, and so many runs' logs, a transaction: nobody is to wait for a long one. */
const RUNS_AT_ONCE = 1_000;
const LOGS_AT_ONCE = 100;
/** Of 4 KiB, given back in a transaction. */
const PAGES_AT_ONCE = 500;
/** https://sqlite.org/pragma.html#pragma_auto_vacuum */
const INCREMENTAL = 2;

const ENDED = "state NOT IN ('queued', 'running') AND again = 0";
/** A run ends no earlier than it is queued, by which the index finds it. */
const OLD = `queued_at < ?1 AND ifnull(ended_at, ifnull(started_at, queued_at)) < ?1`;
const FIRST_BEYOND = `SELECT queued_at, seq FROM run WHERE ${ENDED} ORDER BY queued_at DESC, seq DESC LIMIT 1 OFFSET ?`;
const BEYOND = "(queued_at, seq) <= (?1, ?2)";
const REMOVE = (which: string) =>
  `DELETE FROM run WHERE seq IN (SELECT seq FROM run WHERE ${ENDED} AND ${which} LIMIT ${RUNS_AT_ONCE})
    RETURNING schedule, scheduled_at AS time`;
/** Of a time there is one run ever, also where the first is not on record any more. */
const PRUNED = "UPDATE schedule SET pruned_to = max(pruned_to, ?) WHERE id = ?";

const LAST_LOGGED = "SELECT max(run) AS run FROM log";
const LINES = `SELECT count(*) AS lines FROM log WHERE run <= ?1 AND run > ?1 - ${RUNS_AT_ONCE}`;
const FORGET = `DELETE FROM log WHERE run IN (SELECT DISTINCT run FROM log WHERE run <= ? LIMIT ${LOGS_AT_ONCE})`;

/** @returns how many runs are removed */
export async function prune(record: RecordFile, before: number, keep?: number): Promise<number> {
  record.settle();
  const old = await removeAll(record, OLD, [before]);
  const beyond = keep === undefined ? undefined : beyondNewest(record, keep);
  const more = beyond === undefined ? 0 : await removeAll(record, BEYOND, beyond);
  await forgetLogs(record);
  await shrink(record);
  return old + more;
}

/** @returns the newest run that is too many, by what orders them */
function beyondNewest(record: RecordFile, keep: number): number[] | undefined {
  return record.read(() => {
    if (Number(record.sql("SELECT count(*) AS count FROM run").get()!.count) <= keep) return undefined;
    const row = record.sql(FIRST_BEYOND).get(keep);
    return row && [Number(row.queued_at), Number(row.seq)];
  });
}

async function removeAll(record: RecordFile, which: string, values: number[]): Promise<number> {
  for (let removed = 0;; await othersGo()) {
    const some = record.transaction(() => removeSome(record, which, values));
    removed += some;
    if (some < RUNS_AT_ONCE) return removed;
  }
}

function removeSome(record: RecordFile, which: string, values: number[]): number {
  const gone = record.sql(REMOVE(which)).all(...values) as { schedule: number | null; time: number }[];
  const last = new Map<number, number>();
  for (const { schedule, time } of gone) {
    if (schedule !== null) last.set(schedule, Math.max(time, last.get(schedule) ?? 0));
  }
  for (const [schedule, time] of last) record.sql(PRUNED).run(time, schedule);
  return gone.length;
}

async function forgetLogs(record: RecordFile): Promise<void> {
  let last = record.read(() => Number(record.sql(LAST_LOGGED).get()!.run));
  for (let lines = 0; last > 0 && lines < LOG_LINES_ALL; last -= RUNS_AT_ONCE) {
    lines += record.read(() => Number(record.sql(LINES).get(last)!.lines));
    await othersGo();
  }
  while (last > 0 && record.transaction(() => record.sql(FORGET).run(last).changes) > 0) await othersGo();
}

/** What else this process has to do is done between two transactions. */
const othersGo = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Gives back to the disk what the file has no use for, where that is most of it; a file that was made without that stays. */
async function shrink(record: RecordFile): Promise<void> {
  const pragma = (name: string) => Number(record.sql(`PRAGMA ${name}`).get()![name]);
  try {
    let free = record.read(() => {
      const free = pragma("freelist_count");
      return pragma("auto_vacuum") === INCREMENTAL && free * 2 > pragma("page_count") ? free : 0;
    });
    for (; free > 0; free -= PAGES_AT_ONCE) {
      // A page a step: `run` takes one.
      record.transaction(() => record.sql(`PRAGMA incremental_vacuum(${PAGES_AT_ONCE})`).all());
      await othersGo();
    }
  } catch (error) {
    // Another process is at work: the room is used again, or given back the next time.
    if (!isTransient(error)) throw error;
  }
}

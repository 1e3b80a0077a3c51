/** The record of runs in one SQLite file of the data folder. */
import { openDatabase } from "../sqlite.ts";
import type { InterruptedRun, Runs } from "./runs.ts";
import { Owners } from "./sqlite_owners.ts";
import { MIGRATIONS } from "./sqlite_schema.ts";

const BEGIN = `INSERT INTO run
  (id, kind, started_at, source, source_kind, seed, page, count, url, nat, pipeline, broker, topic, state, owner)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?)`;
const ATTEMPT = "INSERT INTO attempt (run, number, started_at) VALUES (?, ?, ?)";
const NEXT = "SELECT max(number) + 1 AS number FROM attempt WHERE run = ?";
const AGAIN = "UPDATE run SET state = 'running' WHERE id = ? AND state = 'interrupted' AND owner = ?";

const OPEN = "state IN ('running', 'interrupted')";
/** What belongs to a process or, from before runs did, to none that is known. */
const OWNED = `SELECT DISTINCT owner FROM run WHERE ${OPEN} AND (owner IS NOT NULL OR state = 'running')`;
const INTERRUPT = `UPDATE run SET state = 'interrupted', owner = NULL WHERE ${OPEN} AND owner IS ?`;
const CLAIM = `UPDATE run SET owner = ?1 WHERE ${OPEN} AND state = 'interrupted' AND owner IS NULL
  AND source_kind = 'http' AND pipeline = ?2 AND broker = ?3 AND topic = ?4`;
const CLAIMED = `SELECT id, kind, source, seed, page, count, url, nat FROM run
  WHERE ${OPEN} AND state = 'interrupted' AND owner = ? ORDER BY started_at`;

const END = "UPDATE run SET state = ?, owner = NULL WHERE id = ? AND owner = ?";
const END_ATTEMPT = `UPDATE attempt
  SET ended_at = ?2, fetched = ?3, published = ?4, outbox = ?5, refused = ?6, error = ?7
  WHERE run = ?1 AND number = (SELECT max(number) FROM attempt WHERE run = ?1)`;

/** @throws {UserpipeError} `data-folder`, also by all that it does */
export function openSqliteRuns(path: string): Runs {
  const db = openDatabase(path, MIGRATIONS);
  const owners = new Owners(`${path}-owners`);
  const begin = db.prepare(BEGIN);
  const attempt = db.prepare(ATTEMPT);
  const next = db.prepare(NEXT);
  const again = db.prepare(AGAIN);
  const owned = db.prepare(OWNED);
  const interrupt = db.prepare(INTERRUPT);
  const claim = db.prepare(CLAIM);
  const claimed = db.prepare(CLAIMED);
  const end = db.prepare(END);
  const endAttempt = db.prepare(END_ATTEMPT);
  return {
    async begin(run) {
      const { id, kind, startedAt, source, sourceKind, seed, page, count, url, nat, target } = run;
      const { pipeline, broker, topic } = target;
      db.transaction(() => {
        const asked = [source, sourceKind, seed, page, count, url, nat];
        begin.run(id, kind, startedAt, ...asked, pipeline, broker, topic, owners.own());
        attempt.run(id, 1, startedAt);
      });
    },
    async interrupted({ pipeline, broker, topic }) {
      return db.transaction(() => {
        const own = owners.own();
        const alive = owners.alive();
        for (const { owner } of owned.all()) if (!alive.has(String(owner))) interrupt.run(owner!);
        claim.run(own, pipeline, broker, topic);
        return claimed.all(own) as unknown as InterruptedRun[];
      });
    },
    async again(id, startedAt) {
      return db.transaction(() => {
        if (again.run(id, owners.own()).changes === 0) throw new Error(`The run ${id} is not this process's`);
        const number = Number(next.get(id)!.number);
        attempt.run(id, number, startedAt);
        return number;
      });
    },
    async end(id, { state, endedAt, fetched, published, outbox, refused, error }) {
      db.transaction(() => {
        if (end.run(state, id, owners.own()).changes === 0) return;
        endAttempt.run(id, endedAt, fetched, published, outbox, refused, error);
      });
    },
    async close() {
      db.close();
      owners.close();
    },
  };
}

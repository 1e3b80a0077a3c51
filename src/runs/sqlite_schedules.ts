/** Who leads a schedule, and its due times: a lease in a row, and one run a time. */
import type { Lead, Runs } from "./runs.ts";
import type { RecordFile } from "./sqlite_record.ts";
import { insertRun, type Row, scheduleOf } from "./sqlite_rows.ts";

const PUT = `INSERT INTO schedule (name, since, text, definition, pipeline, broker, topic) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (name) DO NOTHING`;
const LEAD = `UPDATE schedule
  SET owner = ?2, epoch = ?3, expires = ?4, since = CASE definition WHEN ?7 THEN since ELSE max(since, ?5) END,
    text = ?6, definition = ?7, pipeline = ?8, broker = ?9, topic = ?10
  WHERE name = ?1`;
const RENEW = `UPDATE schedule SET expires = ?
  WHERE name = ? AND owner = ? AND text = ? AND definition = ? AND pipeline = ? AND broker = ? AND topic = ?
  RETURNING epoch`;
const YIELD = "UPDATE schedule SET owner = NULL WHERE name = ? AND owner = ? AND epoch = ?";
/** What a leader that froze has under way is not its own any more. */
const FENCE = `UPDATE run SET state = 'interrupted', again = source_kind = 'http', owner = NULL
  WHERE state = 'running' AND owner = ? AND schedule = ?`;
/** A schedule that is held already is held since then; one that is not held goes on as it did. */
const PAUSE = "UPDATE schedule SET paused_at = ifnull(paused_at, ?1) WHERE name = ?2";
const RESUME = `UPDATE schedule SET since = CASE WHEN paused_at IS NULL THEN since ELSE max(since, ?1) END,
  paused_at = NULL WHERE name = ?2`;
const TICKED = "SELECT 1 FROM run WHERE schedule = ? AND scheduled_at = ?";
const LAST_TICK = "UPDATE schedule SET last_tick = max(ifnull(last_tick, 0), ?1), since = max(since, ?1) WHERE id = ?2";

export function schedulesOf(
  record: RecordFile,
  leaseMs: number,
): Pick<Runs, "lead" | "yield" | "tick" | "schedules" | "pause"> {
  const find = (name: string): Row | undefined => record.sql("SELECT * FROM schedule WHERE name = ?").get(name);
  /** Whether the lease holds; one that ends later than any can was given before the clock was set back. */
  const holds = ({ owner, expires }: Row, now: number) =>
    owner !== null && now < Number(expires) && Number(expires) <= now + leaseMs;
  const leads = (row: Row, { epoch }: Lead) => row.owner === record.owners.id && row.epoch === epoch;

  return {
    async lead({ name, text, definition, target }) {
      const says = [text, JSON.stringify(definition), target.pipeline, target.broker, target.topic];
      const renewed = record.quickTransaction(() =>
        // A machine that loses this loses with it the process that held the lease.
        record.sql(RENEW).get(Date.now() + leaseMs, name, record.owners.id, ...says)
      );
      if (renewed !== undefined) return { schedule: name, epoch: Number(renewed.epoch) };
      return record.transaction(() => {
        const now = Date.now();
        const own = record.owners.own();
        record.sql(PUT).run(name, now, ...says);
        const row = find(name)!;
        const kept = row.owner === own;
        if (!kept && holds(row, now) && record.owners.alive().has(String(row.owner))) return null;
        if (!kept && row.owner !== null) record.sql(FENCE).run(String(row.owner), Number(row.id));
        const epoch = Number(row.epoch) + (kept ? 0 : 1);
        record.sql(LEAD).run(name, own, epoch, now + leaseMs, now, ...says);
        return { schedule: name, epoch };
      });
    },
    async yield({ schedule, epoch }) {
      record.transaction(() => record.sql(YIELD).run(schedule, record.owners.id, epoch));
    },
    async tick(lead, ticks) {
      return record.transaction(() => {
        const now = Date.now();
        const row = find(lead.schedule);
        if (row === undefined || !leads(row, lead) || !holds(row, now)) return null;
        if (row.paused_at !== null) return [];
        const id = Number(row.id);
        return ticks.filter(({ time, state, run }) => {
          if (time <= Number(row.pruned_to) || record.sql(TICKED).get(id, time) !== undefined) return false;
          if (!insertRun(record, { ...run, scheduledAt: time }, state, now, id)) throw onRecord(run.id);
          record.sql(LAST_TICK).run(time, id);
          return true;
        });
      });
    },
    async schedules() {
      const rows = record.read(() => record.sql("SELECT * FROM schedule ORDER BY name").all());
      const now = Date.now();
      return rows.map((row) => scheduleOf(row, holds(row, now) && record.owners.isAlive(String(row.owner))));
    },
    async pause(schedule, paused) {
      return record.transaction(() => {
        const { changes } = record.sql(paused ? PAUSE : RESUME).run(Date.now(), schedule);
        if (changes > 0) record.notifyOthers();
        return changes > 0;
      });
    },
  };
}

/** A defect: ids are made anew for each run. */
export const onRecord = (id: string): Error => new Error(`A run ${id} is on record already`);

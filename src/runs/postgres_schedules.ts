/** Who leads a schedule in Postgres, and its due times: a lease in a row, and one run a time. */
import { withChange } from "./postgres_changes.ts";
import type { OwnProcess } from "./postgres_process.ts";
import { insertRuns, scheduleOf } from "./postgres_rows.ts";
import type { Session } from "./postgres_session.ts";
import type { Runs } from "./runs.ts";

interface ScheduleRow {
  id: number;
  owner: string | null;
  epoch: number;
  /** Whether another leads it, who lives. */
  held: boolean;
  pausedAt: number | null;
  prunedTo: number | null;
  /** Whether the lease has not ended. */
  valid: boolean;
}

export function schedulesOf(
  session: Session,
  own: OwnProcess,
): Pick<Runs, "lead" | "yield" | "tick" | "schedules" | "pause"> {
  return {
    async lead({ name, text, definition, target: { pipeline, broker, topic } }) {
      return await own.claim(async (sql) => {
        const says = JSON.stringify(definition);
        await sql`INSERT INTO schedule (name, text, definition, pipeline, broker, topic, since)
          VALUES (${name}, ${text}, ${says}::text::jsonb, ${pipeline}, ${broker}, ${topic}, clock_timestamp())
          ON CONFLICT (name) DO NOTHING`;
        const [row] = await sql<[ScheduleRow]>`SELECT schedule.*,
            owner IS NOT NULL AND greatest(expires, grace, pg_postmaster_start_time() + ${
          own.lease(sql)
        }) > clock_timestamp() AND alive(owner, ${own.lease(sql)}) AS held
          FROM schedule, record WHERE name = ${name} FOR UPDATE OF schedule`;
        const kept = row.owner === own.id;
        if (!kept && row.held) return null;
        // What a leader that froze has under way is not its own any more.
        if (!kept && row.owner !== null) {
          await sql`UPDATE run SET state = 'interrupted', again = source_kind = 'http', owner = NULL
            WHERE state = 'running' AND owner = ${row.owner} AND schedule = ${row.id}`;
        }
        const [{ epoch }] = await sql<[{ epoch: number }]>`UPDATE schedule SET owner = ${own.id},
            epoch = epoch + ${kept ? 0 : 1}, expires = clock_timestamp() + ${own.leaseMs} * interval '1 ms',
            since = CASE WHEN definition = ${says}::text::jsonb THEN since ELSE clock_timestamp() END,
            text = ${text}, definition = ${says}::text::jsonb, pipeline = ${pipeline}, broker = ${broker}, topic = ${topic}
          WHERE id = ${row.id} RETURNING epoch`;
        return { schedule: name, epoch };
      });
    },
    async yield({ schedule, epoch }) {
      await session.run((sql) =>
        sql`UPDATE schedule SET owner = NULL WHERE name = ${schedule} AND owner = ${own.id} AND epoch = ${epoch}`
      );
    },
    async tick({ schedule, epoch }, ticks) {
      const taken = await own.claim(async (sql) => {
        const [row] = await sql<ScheduleRow[]>`SELECT *, expires > clock_timestamp() AS valid FROM schedule
          WHERE name = ${schedule} AND owner = ${own.id} AND epoch = ${epoch} FOR UPDATE`;
        if (row === undefined || !row.valid) return null;
        const due = ticks.filter(({ time }) => row.prunedTo === null || time > row.prunedTo);
        if (row.pausedAt !== null || due.length === 0) return [];
        const puts = due.map(({ time, state, run }) => ({ state, run: { ...run, scheduledAt: time } }));
        const put = await insertRuns(sql, puts, { process: own.id, schedule: row.id }, "schedule, scheduled_at");
        const recorded = due.filter(({ run }) => put.has(run.id));
        if (recorded.length === 0) return [];
        const last = Math.max(...recorded.map(({ time }) => time));
        await sql`UPDATE schedule SET last_tick = greatest(last_tick, ${last}), since = greatest(since, ${last})
          WHERE id = ${row.id}`;
        return recorded;
      }, (recorded) => {
        for (const { state, run } of recorded ?? []) if (state === "running") own.begins(run.id, 1);
      });
      return taken;
    },
    async schedules() {
      const rows = await session.run((sql) =>
        sql`SELECT *, owner IS NOT NULL AND expires > clock_timestamp() AND alive(owner, ${
          own.lease(sql)
        }) AS led FROM schedule ORDER BY name`
      );
      return rows.map(scheduleOf);
    },
    async pause(schedule, paused) {
      return await withChange(session, async (sql, note) => {
        // A schedule that is held already is held since then, and one that goes on already goes on.
        const { count } = await sql`UPDATE schedule SET
            since = CASE WHEN paused_at IS NOT NULL AND NOT ${paused} THEN clock_timestamp() ELSE since END,
            paused_at = CASE WHEN ${paused} THEN coalesce(paused_at, clock_timestamp()) END
          WHERE name = ${schedule}`;
        if (count > 0) note();
        return count > 0;
      });
    },
  };
}

/** The record of runs in Postgres, shared by any number of processes on any number of machines. */
import { type Check, UserpipeError } from "../errors.ts";
import { Changes } from "./postgres_changes.ts";
import { lifeOf } from "./postgres_life.ts";
import { liveOf } from "./postgres_live.ts";
import { looksOf } from "./postgres_looks.ts";
import { OwnProcess } from "./postgres_process.ts";
import { quotaOf } from "./postgres_quota.ts";
import { schedulesOf } from "./postgres_schedules.ts";
import { versionOf } from "./postgres_schema.ts";
import { Session } from "./postgres_session.ts";
import { placeOf } from "./postgres_url.ts";
import { LEASE_MS, type Runs } from "./runs.ts";

export interface PostgresRunsOptions {
  /** `postgres://user@host:5432/database`, with `?sslmode=` where it is wanted. */
  url: string;
  /** Wins over the one in `url`; where there is neither, that of `PGPASSWORD`. */
  password?: string;
  /** {@linkcode LEASE_MS} by default. */
  leaseMs?: number;
}

/**
 * Nothing is connected yet; the tables are made at the first use.
 * @throws {UserpipeError} `settings`. What it does throws `runs-unreachable`, `not-authorised`, and `settings` where there is no
 * such database or a newer userpipe made the record.
 */
export function openPostgresRuns({ url, password, leaseMs = LEASE_MS }: PostgresRunsOptions): Runs {
  const session = new Session(placeOf(url, password));
  const own = new OwnProcess(session, leaseMs);
  const changes = new Changes(session);
  const name = `the record of runs in ${session.name}`;
  return {
    name,
    live: liveOf(session),
    check: () => check(session, name),
    ...lifeOf(session, own),
    ...schedulesOf(session, own),
    changed: (signal) => changes.wait(signal),
    ...quotaOf(session),
    ...looksOf(session, own),
    async close() {
      await changes.close();
      await own.close();
      await session.close();
    },
  };
}

async function check(session: Session, component: string): Promise<Check> {
  try {
    const detail = await session.bare(async (sql) => {
      const [{ version }] = await sql<[{ version: string }]>`SELECT current_setting('server_version') AS version`;
      if (await versionOf(sql) === 0) return `Postgres ${version}, no runs yet`;
      const [{ runs }] = await sql<[{ runs: number }]>`SELECT count(*) AS runs FROM run`;
      return `Postgres ${version}, ${runs === 1 ? "1 run" : `${runs} runs`}`;
    });
    return { component, ok: true, detail };
  } catch (error) {
    if (error instanceof UserpipeError) return { component, ok: false, error };
    throw error;
  }
}

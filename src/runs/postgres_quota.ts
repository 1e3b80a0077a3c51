/** What is asked of each address, over all processes of the record in Postgres. */
import type { Session, Sql } from "./postgres_session.ts";
import { mayFetchAt, type Reservation, usedOf } from "./quota.ts";
import type { Runs } from "./runs.ts";

/** The first half of the advisory locks' numbers; the second is of the address. */
const LOCK = 0x71756f74;

export function quotaOf(session: Session): Pick<Runs, "reserve" | "block" | "quota"> {
  return {
    async reserve(api, records, limit) {
      const until = await session.run((sql) => blockedUntil(sql, api));
      if (until !== null) return { until, by: "server" };
      if (limit === null) return null;
      return await session.transaction(async (sql) => {
        await sql`SELECT pg_advisory_xact_lock(${LOCK}, hashtext(${api}))`;
        await sql`DELETE FROM reservation
          WHERE api = ${api} AND at <= clock_timestamp() - ${limit.windowMs} * interval '1 ms'`;
        // A clock that was set back must not hold the window open for longer than it is.
        await sql`UPDATE reservation SET at = clock_timestamp() WHERE api = ${api} AND at > clock_timestamp()`;
        const until = mayFetchAt(await windowOf(sql, api, limit.windowMs), records, limit);
        if (until !== null) return { until, by: "quota" };
        await sql`INSERT INTO reservation VALUES (${api}, clock_timestamp(), ${records})`;
        return null;
      });
    },
    async block(api, until) {
      await session.run((sql) =>
        sql`INSERT INTO blocked VALUES (${api}, ${until})
          ON CONFLICT (api) DO UPDATE SET until = greatest(blocked.until, excluded.until)`
      );
    },
    async quota(api, { windowMs }) {
      return await session.run(async (sql) => ({
        used: usedOf(await windowOf(sql, api, windowMs)),
        blockedUntil: await blockedUntil(sql, api),
      }));
    },
  };
}

async function windowOf(sql: Sql, api: string, windowMs: number): Promise<Reservation[]> {
  return await sql<Reservation[]>`SELECT at, records FROM reservation
    WHERE api = ${api} AND at > clock_timestamp() - ${windowMs} * interval '1 ms' ORDER BY at`;
}

async function blockedUntil(sql: Sql, api: string): Promise<number | null> {
  const [row] = await sql<{ until: number }[]>`SELECT until FROM blocked
    WHERE api = ${api} AND until > clock_timestamp()`;
  return row?.until ?? null;
}

/** What is asked of each address, over all processes of the record. */
import { mayFetchAt, type Reservation, usedOf } from "./quota.ts";
import type { Runs } from "./runs.ts";
import type { RecordFile } from "./sqlite_record.ts";

const WINDOW = "SELECT at, records FROM reservation WHERE api = ? AND at > ? ORDER BY at";

export function quotaOf(record: RecordFile): Pick<Runs, "reserve" | "block" | "quota"> {
  const window = (api: string, since: number) => record.sql(WINDOW).all(api, since) as unknown as Reservation[];
  const blockedUntil = (api: string, now: number) => {
    const until = record.sql("SELECT until FROM blocked WHERE api = ?").get(api)?.until as number | undefined;
    return until !== undefined && until > now ? until : null;
  };
  return {
    async reserve(api, records, limit) {
      // Nobody is held up for a look.
      const until = record.read(() => blockedUntil(api, Date.now()));
      if (until !== null) return { until, by: "server" };
      if (limit === null) return null;
      return record.transaction(() => {
        const now = Date.now();
        record.sql("DELETE FROM reservation WHERE api = ? AND at <= ?").run(api, now - limit.windowMs);
        // A clock that was set back must not hold the window open for longer than it is.
        record.sql("UPDATE reservation SET at = ?2 WHERE api = ?1 AND at > ?2").run(api, now);
        const until = mayFetchAt(window(api, 0), records, limit);
        if (until !== null) return { until, by: "quota" };
        record.sql("INSERT INTO reservation (api, at, records) VALUES (?, ?, ?)").run(api, now, records);
        return null;
      });
    },
    async block(api, until) {
      const sql =
        "INSERT INTO blocked VALUES (?, ?) ON CONFLICT (api) DO UPDATE SET until = max(until, excluded.until)";
      record.transaction(() => record.sql(sql).run(api, until));
    },
    async quota(api, { windowMs }) {
      return record.read(() => {
        const now = Date.now();
        return { used: usedOf(window(api, now - windowMs)), blockedUntil: blockedUntil(api, now) };
      });
    },
  };
}

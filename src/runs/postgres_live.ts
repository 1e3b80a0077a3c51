/** The live figures of processes in Postgres: in a table that is not logged, since they may be lost with the server. */
import { LIVE_KEPT_MS, type LiveFigures, type LiveRecord } from "../live.ts";
import type { Session } from "./postgres_session.ts";

/** How often the old ones are removed: in puts. */
const FORGET_EVERY = 60;

export function liveOf(session: Session): LiveRecord {
  let puts = 0;
  return {
    async put(figures) {
      const { process, at } = figures;
      await session.run(async (sql) => {
        await sql`INSERT INTO live VALUES (${Math.floor(at / 1000)}, ${process}, ${JSON.stringify(figures)})
          ON CONFLICT (second, process) DO UPDATE SET figures = excluded.figures`;
        // On the clock that all processes share; one whose own is far ahead leaves some of a time that is to come.
        if (puts++ % FORGET_EVERY > 0) return;
        await sql`DELETE FROM live
          WHERE abs(second - extract(epoch FROM clock_timestamp())) > ${LIVE_KEPT_MS / 1000}`;
      });
    },
    async since(at) {
      const rows = await session.run((sql) =>
        sql<{ figures: string }[]>`SELECT figures FROM live
          WHERE second >= ${Math.floor(at / 1000)} ORDER BY second, process`
      );
      const figures = rows.map(({ figures }): LiveFigures => JSON.parse(figures));
      return figures.filter((each) => each.at >= at).sort((a, b) => a.at - b.at);
    },
  };
}

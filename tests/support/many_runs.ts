/** A record with so many runs as a schedule of every minute leaves in ten weeks. */
import { DatabaseSync } from "node:sqlite";
import { openSqliteRuns } from "../../src/runs/sqlite.ts";

/** Each with an attempt and so many lines of log. The last one was queued a minute ago. */
export async function fillRecord(path: string, count: number, lines: number): Promise<void> {
  await openSqliteRuns(path).close();
  const db = new DatabaseSync(path);
  const numbers = Array.from({ length: lines }, (_, n) => n + 1);
  try {
    db.exec(`PRAGMA synchronous = OFF;
      BEGIN;
      CREATE TEMP TABLE made AS
        WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < ${count})
        SELECT n, ${Date.now()} - (${count} + 1 - n) * 60000 AS at, lower(hex(randomblob(16))) AS hex FROM n;
      INSERT INTO run (id, kind, state, attempts, schedule, scheduled_at, queued_at, started_at, ended_at,
          source, source_kind, seed, page, count, pipeline, broker, topic)
        SELECT substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-4' || substr(hex, 14, 3) || '-8' || substr(hex, 18, 3) || '-' ||
            substr(hex, 21), 'scheduled', CASE n % 500 WHEN 0 THEN 'failed' ELSE 'delivered' END, 1, 1, at, at + 4, at + 4,
          at + 400 + n % 700, 'https://randomuser.me', 'http', substr(hex, 5, 16), 1, 100, 'users', 'embedded', 'users_created'
        FROM made;
      INSERT INTO attempt (run, number, started_at, ended_at, fetched, published, bytes)
        SELECT n, 1, at + 4, at + 400 + n % 700, 100, 100, 110000 FROM made;
      INSERT INTO log (run, number, attempt, at, level, text)
        SELECT n, value, 1, at + value, 'info', 'Line ' || value || ' of what a run has to say, as long as most.'
        FROM made, json_each('${JSON.stringify(numbers)}');
      COMMIT`);
  } finally {
    db.close();
  }
}

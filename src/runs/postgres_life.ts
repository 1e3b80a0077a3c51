/** The way of a run on the record in Postgres, from its begin or its queue to its end. */
import { withChange } from "./postgres_changes.ts";
import type { Held, OwnProcess } from "./postgres_process.ts";
import { insertRuns, listOf, ofTarget, type Row, runOf, selectRuns } from "./postgres_rows.ts";
import { storable } from "./text.ts";
import type { Session, Sql } from "./postgres_session.ts";
import { whyNotAgain } from "./retry.ts";
import { type AttemptCounts, LOG_LINES, LOG_TEXT, type LogLine, type RunEnd, type Runs } from "./runs.ts";

type Life = Pick<
  Runs,
  "begin" | "queue" | "takeQueued" | "interrupted" | "again" | "log" | "progress" | "end" | "retry" | "forwarded"
>;

export function lifeOf(session: Session, own: OwnProcess): Life {
  const next = (seq: number) => (sql: Sql) => beginNext(sql, seq, own.id);
  return {
    async begin(run) {
      await own.claim((sql) => insertRuns(sql, [{ run, state: "running" }], { process: own.id }), () => {
        own.begins(run.id, 1);
      });
    },
    async queue(runs) {
      if (runs.length === 0) return [];
      return await withChange(session, async (sql, note) => {
        const puts = runs.map((run) => ({ run, state: "queued" as const }));
        const put = await insertRuns(sql, puts, { process: own.id }, "id");
        if (put.size > 0) note();
        // Of two with one id, the first was put there.
        return runs.filter(({ id }) => put.delete(id));
      });
    },
    async takeQueued(target, kinds) {
      const first = (sql: Sql) =>
        sql`SELECT seq FROM run WHERE state = 'queued' AND kind IN ${listOf(sql, kinds)} AND ${ofTarget(sql, target)}
          ORDER BY queued_at, seq LIMIT 1`;
      // Mostly there is none.
      if ((await session.run((sql) => first(sql))).length === 0) return null;
      return await own.claim(async (sql) => {
        const [found] = await sql<{ seq: number }[]>`${first(sql)} FOR UPDATE SKIP LOCKED`;
        if (found === undefined) return null;
        await next(found.seq)(sql);
        const [row] = await sql<Row[]>`${selectRuns(sql)} WHERE seq = ${found.seq}`;
        return row!;
      }, (row) => {
        if (row !== null) own.begins(row.id, row.claim);
      }).then((row) => row === null ? null : runOf(row));
    },
    async interrupted(target) {
      // What this process still makes, although it was taken for dead, it goes on with.
      const begun = [...own.held].filter(([, { begun }]) => begun).map(([id]) => id);
      const rows = await own.claim(async (sql) => {
        await own.settle(sql);
        await sql`UPDATE run SET owner = ${own.id}, claim = claim + 1 WHERE seq IN (
          SELECT seq FROM run WHERE state = 'interrupted' AND owner IS NULL AND again AND source_kind = 'http'
            AND ${ofTarget(sql, target)} AND id NOT IN ${listOf(sql, begun)} FOR UPDATE SKIP LOCKED)`;
        return await sql<Row[]>`${selectRuns(sql)}
          WHERE state = 'interrupted' AND owner = ${own.id} AND ${ofTarget(sql, target)} ORDER BY queued_at, seq`;
      }, (rows) => rows.forEach(({ id, claim }) => own.claims(id, claim)));
      return rows.map(runOf);
    },
    async again(id) {
      const held = own.held.get(id);
      const notOurs = () => new Error(`The run ${id} is not this process's to begin`);
      if (held === undefined) throw notOurs();
      return await own.claim(async (sql) => {
        // Of an attempt that is under way there is no other.
        const [row] = await sql<{ seq: number }[]>`SELECT seq FROM run
          WHERE id = ${id} AND owner = ${own.id} AND claim = ${held.claim} AND NOT EXISTS (SELECT FROM attempt
            WHERE state = 'running' AND attempt.run = seq AND number = attempts AND ended_at IS NULL) FOR UPDATE`;
        if (row === undefined) throw notOurs();
        return await beginNext(sql, row.seq, own.id);
      }, ({ claim }) => own.begins(id, claim)).then(({ attempts }) => attempts);
    },
    async log(id, lines) {
      const held = own.held.get(id);
      if (held === undefined || lines.length === 0) return;
      const { claim } = held;
      const numbered = numberedBy(held, lines);
      const what = `What the run ${id} logged`;
      const write = () => session.transaction((sql) => writeLog(sql, id, { process: own.id, claim }, numbered));
      await own.kept.say({ what, lines: numbered.length, write });
    },
    async progress(id, counts) {
      const held = own.held.get(id);
      // What waits to be written has more to say of it.
      if (held === undefined || !held.begun || !own.kept.isEmpty) return;
      await session.run((sql) => writeProgress(sql, id, { process: own.id, claim: held.claim }, counts));
    },
    async end(id, end, lines = []) {
      const held = own.held.get(id);
      if (held === undefined || !held.begun) return false;
      const { claim } = held;
      const speaker = { process: own.id, claim };
      const numbered = numberedBy(held, lines);
      const write = async () => {
        const taken = await session.transaction(async (sql) => {
          if (numbered.length > 0) await writeLog(sql, id, speaker, numbered);
          return await writeEnd(sql, id, speaker, end);
        });
        if ((end.state !== "running" || !taken) && own.held.get(id)?.claim === claim) own.held.delete(id);
        return taken;
      };
      return await own.kept.say({ what: `The end of the run ${id} (${end.state})`, lines: 0, write });
    },
    async retry(id) {
      return await withChange(session, async (sql, note) => {
        await own.settle(sql);
        const [row] = await sql<Row[]>`${selectRuns(sql)} WHERE id = ${id} FOR UPDATE OF run`;
        if (row === undefined) return `There is no run ${id}`;
        const why = whyNotAgain(runOf(row), row.owner !== null);
        if (why !== null) return why;
        await sql`UPDATE run SET state = 'queued', again = false, ended_at = NULL WHERE seq = ${row.seq}`;
        note();
        return null;
      });
    },
    async forwarded(runs, text) {
      if (runs.length === 0) return [];
      const given = JSON.stringify(runs.map(({ id, attempts, refused }) => ({ id, attempts, refused })));
      const marked = await session.run((sql) => markForwarded(sql, given, text));
      return marked.map(({ id }) => id);
    },
  };
}

/** Lines as they are written: each by its place in what this process said, so that one that is sent twice is one. */
function numberedBy(held: Held, lines: readonly LogLine[]) {
  return lines.slice(-LOG_LINES).map(({ text, ...line }) => (
    { ...line, text: storable(text.slice(0, LOG_TEXT)), number: ++held.lines }
  ));
}

/** Begins the next attempt of a run, which is `process`'s from now on. */
async function beginNext(sql: Sql, seq: number, process: string): Promise<{ attempts: number; claim: number }> {
  const [begun] = await sql<[{ attempts: number; claim: number }]>`
    UPDATE run SET state = 'running', again = false, owner = ${process}, claim = claim + 1, attempts = attempts + 1,
      started_at = coalesce(started_at, statement_timestamp()), ended_at = NULL, error = NULL
    WHERE seq = ${seq} RETURNING attempts, claim`;
  await sql`INSERT INTO attempt (run, number, started_at) VALUES (${seq}, ${begun.attempts}, statement_timestamp())`;
  return begun;
}

/** Who says it: the process, and the claim by which the run was its own. */
interface Speaker {
  process: string;
  claim: number;
}

async function writeLog(
  sql: Sql,
  id: string,
  { process, claim }: Speaker,
  lines: readonly (LogLine & { number: number })[],
): Promise<boolean> {
  const [run] = await sql<{ seq: number }[]>`SELECT seq FROM run
    WHERE id = ${id} AND owner = ${process} AND claim = ${claim} FOR SHARE`;
  if (run === undefined) return false;
  await sql`INSERT INTO log (run, claim, number, attempt, at, level, text)
    SELECT ${run.seq}::bigint, ${claim}::int, number, attempt, to_timestamp(at / 1000.0), level, text
    FROM jsonb_to_recordset(${JSON.stringify(lines)}::text::jsonb)
      AS l(number int, attempt int, at double precision, level text, text text)
    ON CONFLICT DO NOTHING`;
  await sql`DELETE FROM log WHERE run = ${run.seq} AND (claim, number) <= (SELECT claim, number FROM log
    WHERE run = ${run.seq} ORDER BY claim DESC, number DESC OFFSET ${LOG_LINES} LIMIT 1)`;
  return true;
}

async function writeProgress(sql: Sql, id: string, { process, claim }: Speaker, counts: AttemptCounts): Promise<void> {
  const { fetched, published, outbox, refused, bytes } = counts;
  await sql`UPDATE attempt SET fetched = ${fetched}, published = ${published}, outbox = ${outbox},
      refused = ${refused}, bytes = ${bytes}
    FROM run WHERE id = ${id} AND owner = ${process} AND claim = ${claim} AND state = 'running'
      AND attempt.run = seq AND number = attempts AND attempt.ended_at IS NULL`;
}

/** @param given `[{ "id", "attempts", "refused" }]` */
function markForwarded(sql: Sql, given: string, text: string) {
  return sql<{ id: string }[]>`
    WITH given AS (SELECT * FROM jsonb_to_recordset(${given}::text::jsonb) AS g(id text, attempts int, refused int)),
    marked AS (
      UPDATE run SET state = 'delivered', claim = claim + 1 FROM given
      WHERE run.id = given.id AND run.attempts = given.attempts AND state = 'to outbox'
      RETURNING run.id, seq, claim, run.attempts, given.refused
    ), counted AS (
      UPDATE attempt SET published = published + greatest(0, outbox - marked.refused),
        refused = attempt.refused + marked.refused, outbox = 0 FROM marked
      WHERE run = seq AND number = marked.attempts
    ), logged AS (
      INSERT INTO log (run, claim, number, attempt, at, level, text)
      SELECT seq, claim, 1, attempts, clock_timestamp(), 'info', ${text} FROM marked
    )
    SELECT id FROM marked`;
}

async function writeEnd(sql: Sql, id: string, { process, claim }: Speaker, end: RunEnd): Promise<boolean> {
  const { state, again, endedAt, nextAt, fetched, published, outbox, refused, bytes } = end;
  const goesOn = state === "running";
  const error = end.error === null ? null : storable(end.error);
  const [run] = await sql<{ seq: number; attempts: number }[]>`
    UPDATE run SET state = ${state}, again = ${state === "interrupted" && again} AND source_kind = 'http',
      owner = ${goesOn ? process : null}, ended_at = ${goesOn ? null : endedAt}, error = ${error}
    WHERE id = ${id} AND owner = ${process} AND claim = ${claim} AND state = 'running' RETURNING seq, attempts`;
  if (run === undefined) return false;
  await sql`UPDATE attempt SET ended_at = ${endedAt}, fetched = ${fetched}, published = ${published},
      outbox = ${outbox}, refused = ${refused}, bytes = ${bytes}, error = ${error}, next_at = ${nextAt}
    WHERE run = ${run.seq} AND number = ${run.attempts} AND ended_at IS NULL`;
  return true;
}

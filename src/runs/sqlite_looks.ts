/** What people see of the record of runs, and what is removed of it. */
import { DAY_MS, statsOf, type Sum, type Took } from "./figures.ts";
import type { RunFilter, Runs } from "./runs.ts";
import { prune } from "./sqlite_prune.ts";
import type { RecordFile } from "./sqlite_record.ts";
import { detailsOf, runOf, SELECT_RUN } from "./sqlite_rows.ts";

/** Of text, those between it and it with the last of all characters behind it. */
const FIND = "SELECT id FROM run WHERE id >= ?1 AND id < ?1 || char(0x10FFFF) ORDER BY seq DESC LIMIT 10";

/** The runs with what their last attempts did. */
const SINCE = "FROM run LEFT JOIN attempt ON attempt.run = seq AND number = attempts WHERE queued_at >= ?";
const SUMS = `SELECT ifnull(attempt.started_at, queued_at) / ${DAY_MS} AS day, state, count(*) AS runs,
    sum(attempts > 0) AS attempted, total(fetched) AS fetched, total(published) AS published, total(refused) AS refused
  ${SINCE} GROUP BY day, state ORDER BY day`;
const TOOK = `SELECT attempt.ended_at - attempt.started_at AS ms, count(*) AS runs
  ${SINCE} AND attempt.ended_at IS NOT NULL GROUP BY ms ORDER BY ms`;

export function looksOf(record: RecordFile): Pick<Runs, "list" | "get" | "find" | "stats" | "prune"> {
  const read = <T>(work: () => T): T => {
    record.settle();
    return record.read(work);
  };
  return {
    async list(filter) {
      return read(() => {
        const [where, values] = conditions(filter);
        const sql = `${SELECT_RUN} ${where} ORDER BY queued_at DESC, seq DESC LIMIT ?`;
        return record.sql(sql).all(...values, filter.limit ?? 50).map(runOf);
      });
    },
    async get(id) {
      return read(() => {
        const row = record.sql(`${SELECT_RUN} WHERE id = ?`).get(id);
        if (row === undefined) return null;
        const seq = Number(row.seq);
        const attempts = record.sql("SELECT * FROM attempt WHERE run = ? ORDER BY number").all(seq);
        const lines = record.sql("SELECT attempt, at, level, text FROM log WHERE run = ? ORDER BY number").all(seq);
        return detailsOf(runOf(row), attempts, lines);
      });
    },
    async find(prefix) {
      return record.read(() => record.sql(FIND).all(prefix).map(({ id }) => String(id)));
    },
    async stats(since) {
      return read(() => {
        const sums = record.sql(SUMS).all(since) as unknown as Sum[];
        return statsOf(sums, record.sql(TOOK).all(since) as unknown as Took[]);
      });
    },
    async prune(before, keep) {
      return prune(record, before, keep);
    },
  };
}

function conditions({ ids, states, kinds, target, since }: RunFilter): [where: string, values: (string | number)[]] {
  const all: string[] = [];
  // The index of those that wait is found by this word alone.
  if (states?.length === 1 && states[0] === "queued") all.push("state = 'queued'");
  if (ids !== undefined) all.push(`id IN (${ids.map(() => "?")})`);
  if (states !== undefined) all.push(`state IN (${states.map(() => "?")})`);
  if (kinds !== undefined) all.push(`kind IN (${kinds.map(() => "?")})`);
  const { pipeline, broker, topic } = target ?? {};
  if (pipeline !== undefined) all.push("pipeline = ?");
  if (broker !== undefined) all.push("broker = ?");
  if (topic !== undefined) all.push("topic = ?");
  if (since !== undefined) all.push("queued_at >= ?");
  const asked = [...ids ?? [], ...states ?? [], ...kinds ?? [], pipeline, broker, topic, since];
  const values = asked.filter((value) => value !== undefined);
  return [all.length === 0 ? "" : `WHERE ${all.join(" AND ")}`, values];
}

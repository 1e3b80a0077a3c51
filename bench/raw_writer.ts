/**
 * The ceiling: writes rows that are in memory already, by the same driver, and nothing else. A process of its own, under
 * the executable's limits; prints what it found as JSON. Its statements and its packing are its own: what is measured
 * may not move its yardstick.
 */
import type cassandra from "cassandra-driver";
import { parseArgs } from "node:util";
import { client } from "./cassandra.ts";
import { COLUMNS } from "./messages.ts";
import { Rows } from "./raw_rows.ts";

/** How rows are written. */
export interface Settings {
  /** One prepared statement that is the whole batch, or the driver's own batch of prepared statements. */
  method: "one statement" | "client.batch";
  /** As Cassandra counts. */
  batchBytes: number;
  batchRows: number;
  /** Batches. */
  inFlight: number;
}

export interface Outcome {
  settings: Settings;
  rows: number;
  /** First batch sent to last answer. */
  ms: number;
  /** Answers that said that the batch was over a limit. */
  warnings: number;
}

const WARM_ROWS = 10_000;

const OPTIONS = { prepare: true, isIdempotent: true };

async function write(
  to: cassandra.Client,
  table: string,
  rows: Rows,
  settings: Settings,
  count: number,
): Promise<Outcome> {
  const { method, batchBytes, batchRows, inFlight } = settings;
  const statements = Array.from({ length: batchRows + 1 }, (_, n) => statement(table, n));
  let next = 0;
  let warnings = 0;
  const lane = async () => {
    while (next < count) {
      const from = next;
      const most = Math.min(count, from + batchRows);
      for (let bytes = rows.size(next++); next < most && (bytes += rows.size(next)) <= batchBytes;) next++;
      const { info } = method === "one statement"
        ? await to.execute(statements[next - from]!, parameters(rows, from, next), OPTIONS)
        : await to.batch(single(statements[1]!, rows, from, next), { ...OPTIONS, logged: false });
      if (info.warnings?.length) warnings++;
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { settings, rows: count, ms: performance.now() - started, warnings };
}

function statement(table: string, rows: number): string {
  const insert = `INSERT INTO ${table} (${COLUMNS.join(", ")}) VALUES (${
    COLUMNS.map(() => "?").join(", ")
  }) USING TIMESTAMP ?`;
  return rows === 1 ? insert : `BEGIN UNLOGGED BATCH ${`${insert}; `.repeat(rows)}APPLY BATCH`;
}

function parameters(rows: Rows, from: number, to: number): unknown[] {
  const made: unknown[] = [];
  for (let row = from; row < to; row++) rows.push(made, row);
  return made;
}

function single(query: string, rows: Rows, from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => ({ query, params: parameters(rows, from + i, from + i + 1) }));
}

/** Tries each, the fastest first. What only the first batches cost (compiling, preparing) is paid before the clock runs. */
async function tryAll(to: cassandra.Client, table: string, rows: Rows, settings: Settings[]): Promise<Outcome[]> {
  const found: Outcome[] = [];
  for (const each of settings) {
    await write(to, table, rows, each, Math.min(WARM_ROWS, rows.count));
    found.push(await write(to, table, rows, each, rows.count));
  }
  return found.sort((a, b) => a.ms - b.ms);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      "contact-points": { type: "string" },
      "table": { type: "string" },
      "rows": { type: "string" },
      "settings": { type: "string" },
    },
  });
  const to = client(values["contact-points"]!);
  await to.connect();
  const rows = new Rows(Number(values.rows));
  console.log(JSON.stringify(await tryAll(to, values.table!, rows, JSON.parse(values.settings!))));
  await to.shutdown();
}

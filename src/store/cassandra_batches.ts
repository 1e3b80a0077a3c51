/**
 * How rows are put into unlogged batches: what the server says it accepts, and the statements for it.
 */
import { UserpipeError } from "../errors.ts";
import type { Table } from "../pipeline.ts";
import type { Link } from "./cassandra_link.ts";
import { columnList, tableName } from "./cassandra_names.ts";

/** What a batch may hold. */
export interface BatchLimits {
  /** As {@linkcode sizeInBatch} counts. */
  bytes: number;
  rows: number;
  /** Bytes of a request. Of a larger one Cassandra 5.0 also forgets the request behind it. */
  frame: number;
}

/** What Cassandra has where it does not say. */
const WARN_BYTES = 5 * 1024;
const FAIL_BYTES = 50 * 1024;
const WARN_ROWS = 10;
const FRAME_BYTES = 16 * 1024 * 1024;

/**
 * Rows that a batch may have, each of which is a prepared statement: few enough for the server to keep them all,
 * close enough that rounding down wastes little, and with the half of each for splitting.
 */
const SIZES = [...range(1, 16, 1), ...range(20, 32, 4), ...range(40, 64, 8), ...range(80, 128, 16)];
const MAX_ROWS = SIZES[SIZES.length - 1];

const UNITS: Record<string, number> = { _kb: 1024, _mb: 1024 ** 2 };

/** The settings, as version 4.1 and later and as earlier ones call them. */
const BATCH_WARN = ["batch_size_warn_threshold", "batch_size_warn_threshold_in_kb"];
const BATCH_FAIL = ["batch_size_fail_threshold", "batch_size_fail_threshold_in_kb"];
const FRAME = ["native_transport_max_frame_size", "native_transport_max_frame_size_in_mb"];
const PARTITIONS_WARN = "unlogged_batch_across_partitions_warn_threshold";

/**
 * Asks the server. By default a batch stays under what it warns of; `batchBytes` goes over that, up to what it
 * refuses, and then the number of rows is no limit either.
 */
export async function limitsOf(link: Link, batchBytes: number | undefined): Promise<BatchLimits> {
  const said = await settings(link, [...BATCH_WARN, ...BATCH_FAIL, ...FRAME, PARTITIONS_WARN]);
  const size = (names: readonly string[]) => {
    for (const name of names) {
      const bytes = bytesOf(said.get(name), UNITS[name.slice(-3)] ?? 1);
      if (bytes !== undefined) return bytes;
    }
  };
  const warn = size(BATCH_WARN) ?? WARN_BYTES;
  const fail = size(BATCH_FAIL) ?? FAIL_BYTES;
  const frame = size(FRAME) ?? FRAME_BYTES;
  const rows = Number(said.get(PARTITIONS_WARN) ?? WARN_ROWS) || WARN_ROWS;
  if (batchBytes === undefined || batchBytes <= warn) {
    return { bytes: Math.min(batchBytes ?? warn, warn), rows: Math.min(rows, MAX_ROWS), frame };
  }
  return { bytes: Math.min(batchBytes, fail), rows: MAX_ROWS, frame };
}

/** Where the batch that begins at row `from` ends: as many rows as fit and there is a statement for, at least one. */
export function endOfBatch(sizes: ArrayLike<number>, from: number, limits: BatchLimits): number {
  const most = Math.min(sizes.length, from + limits.rows);
  let to = from;
  for (let bytes = 0; to < most; to++) {
    bytes += sizes[to];
    if (bytes > limits.bytes && to > from) break;
  }
  return from + floorSize(to - from);
}

function floorSize(rows: number): number {
  let i = SIZES.length - 1;
  while (SIZES[i] > rows) i--;
  return SIZES[i];
}

/** The statement for a number of rows; one prepared statement costs the driver a fifth less than a batch of its own. */
export function statements(table: Table, ttlSeconds: number | undefined): (rows: number) => string {
  const marks = table.columns.map(() => "?").join(", ");
  const ttl = ttlSeconds === undefined ? "" : ` AND TTL ${ttlSeconds}`;
  const insert = `INSERT INTO ${tableName(table)} (${columnList(table)}) VALUES (${marks}) USING TIMESTAMP ?${ttl}`;
  const made = new Map<number, string>([[1, insert]]);
  return (rows) => {
    let statement = made.get(rows);
    if (statement === undefined) {
      statement = `BEGIN UNLOGGED BATCH ${`${insert}; `.repeat(rows)}APPLY BATCH`;
      made.set(rows, statement);
    }
    return statement;
  };
}

async function settings(link: Link, names: readonly string[]): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  // Before version 4 there is no such table.
  const [there] = (await link.execute(
    "read",
    "SELECT table_name FROM system_virtual_schema.tables WHERE keyspace_name = 'system_views' AND table_name = 'settings'",
  )).rows;
  if (there === undefined) return known;
  try {
    const statement = "SELECT name, value FROM system_views.settings WHERE name IN ?";
    for (const { name, value } of (await link.execute("read", statement, [names])).rows) known.set(name, value);
  } catch (error) {
    // Who may only write rows has no need to read settings.
    if (!(error instanceof UserpipeError) || error.code !== "not-authorised") throw error;
  }
  return known;
}

/** `5KiB`, `5 KiB` or `5`. */
function bytesOf(text: string | undefined, unit: number): number | undefined {
  const [, digits, suffix] = /^\s*(\d+)\s*([KMG]i?)?B?\s*$/i.exec(text ?? "") ?? [];
  if (digits === undefined) return undefined;
  const power = suffix ? " KMG".indexOf(suffix[0].toUpperCase()) : 0;
  return Number(digits) * (power > 0 ? 1024 ** power : unit);
}

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: (to - from) / step + 1 }, (_, i) => from + i * step);
}

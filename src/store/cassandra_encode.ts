/**
 * A row as Cassandra takes it: whether it does at all, and what it counts in a batch.
 */
import { Buffer } from "node:buffer";
import { packUuid, wrongWith } from "../packed.ts";
import type { ColumnType, Packed, Row, Table, Value } from "../pipeline.ts";

/** A cell's write time, time to live and time of deletion (the last has 8 bytes from 5.0 on, 4 before). */
const CELL_BYTES = 8 + 4 + 8;
/** Before each packed cell. */
const LENGTH_BYTES = 4;
/** The row itself, found by experiment: 62 with a time to live, 50 without. */
const ROW_BYTES = 62;

/**
 * The size of a row as `batch_size_warn_threshold` counts it, or a few bytes over: the partition key is not
 * counted, a null is a cell without a value.
 * @param columns how many
 */
export function sizeInBatch({ bytes, start, end }: Packed, columns: number): number {
  const key = LENGTH_BYTES + bytes.readInt32BE(start);
  return ROW_BYTES + (columns - 1) * (CELL_BYTES - LENGTH_BYTES) + end - start - key;
}

/** The partition key of a packed row. */
export function keyOf({ bytes, start }: Packed): Buffer {
  const from = start + LENGTH_BYTES;
  return bytes.subarray(from, from + bytes.readInt32BE(start));
}

/** Why the row cannot be sent at all, or `undefined`. Whatever else is wrong with it, Cassandra says. */
export function whyNot(row: Row, table: Table): string | undefined {
  if (row.values.length !== table.columns.length) {
    return `it has ${row.values.length} values, and the table ${table.columns.length} columns`;
  }
  for (let i = 0; i < table.columns.length; i++) {
    const { name, type } = table.columns[i];
    const value = row.values[i];
    if (value === null) {
      if (i === 0) return `"${name}" is null, and it is the primary key`;
    } else {
      const wrong = wrongWith(value, type);
      if (wrong !== undefined) return `"${name}" ${wrong}`;
    }
  }
  return undefined;
}

/** A key as the driver takes it; `null` for a text that is no UUID where the key is one, which no row has. */
export function cell(value: Value, type: ColumnType): Buffer | string | null {
  return value !== null && type === "uuid" ? uuidBytes(value) : value;
}

/** The 16 bytes of a UUID, or `null` where it is none. */
export function uuidBytes(text: string): Buffer | null {
  const characters = Buffer.from(text);
  const bytes = Buffer.alloc(16);
  return characters.length === 36 && packUuid(characters, 0, bytes, 0) ? bytes : null;
}

/** A token of a partition key. */
export function tokenBytes(token: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(token);
  return bytes;
}

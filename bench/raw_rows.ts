/** The rows of the raw writer: ready for the driver, in memory, each with an id of its own. */
import { Buffer } from "node:buffer";
import { COLUMNS, events } from "./messages.ts";

/** A cell's write time, time to live and time of deletion, and a row's own share, as a batch's limit counts them. */
const CELL_BYTES = 8 + 4 + 8;
const ROW_BYTES = 62;

/** Different contents; what Cassandra does with a row does not depend on whether another has the same. */
const CONTENTS = 20_000;
const UUID_BYTES = 16;

export class Rows {
  readonly #ids: Buffer;
  readonly #contents: (string | null)[][] = [];
  /** As Cassandra counts them in a batch. */
  readonly #sizes: number[] = [];
  readonly #time: Buffer;

  constructor(readonly count: number) {
    this.#ids = ids(count);
    this.#time = Buffer.alloc(8);
    this.#time.writeBigInt64BE(BigInt(Date.now()) * 1000n);
    for (const values of contents(count)) {
      this.#contents.push(values);
      this.#sizes.push(values.reduce((sum, value) => sum + CELL_BYTES + Buffer.byteLength(value ?? ""), ROW_BYTES));
    }
  }

  size(row: number): number {
    return this.#sizes[row % this.#sizes.length]!;
  }

  /** Appends the row's parameters: its cells in column order, then its write time. */
  push(parameters: unknown[], row: number): void {
    parameters.push(this.#ids.subarray(row * UUID_BYTES, (row + 1) * UUID_BYTES));
    for (const value of this.#contents[row % this.#contents.length]!) parameters.push(value);
    parameters.push(this.#time);
  }
}

/** The different contents of so many rows: their cells without the id. */
export function* contents(rows: number): Generator<(string | null)[]> {
  for (const event of events("raw", Math.min(CONTENTS, rows))) {
    yield COLUMNS.slice(1).map((name) => event[name] ?? null);
  }
}

/** Random UUIDs of version 4, one behind the other. */
function ids(count: number): Buffer {
  const bytes = Buffer.alloc(count * UUID_BYTES);
  for (let from = 0; from < bytes.length; from += 65_536) crypto.getRandomValues(bytes.subarray(from, from + 65_536));
  for (let at = 0; at < bytes.length; at += UUID_BYTES) {
    bytes[at + 6] = bytes[at + 6]! & 0x0f | 0x40;
    bytes[at + 8] = bytes[at + 8]! & 0x3f | 0x80;
  }
  return bytes;
}

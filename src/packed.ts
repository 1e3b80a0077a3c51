/**
 * Rows as bytes, the way from a topic to a table without a string for each cell: each cell is its length (four
 * bytes, -1 for null) and its bytes as Cassandra has them, in the order of the columns: text in UTF-8, a UUID as its 16, a double in
 * IEEE 754, a timestamp in ms since the epoch.
 */
import { Buffer } from "node:buffer";
import type { Column, ColumnType, Packed, Row, Value } from "./pipeline.ts";

/** Many rows' worth, so that few are needed; small enough that a last one that is hardly used wastes little. */
const BLOCK_BYTES = 128 * 1024;
const UUID_BYTES = 16;
const LENGTH_BYTES = 4;
const BAD = 0xff;
const NIBBLE = new Uint8Array(256).fill(BAD);
for (const digits of ["0123456789abcdef", "0123456789ABCDEF"]) {
  for (let i = 0; i < 16; i++) NIBBLE[digits.charCodeAt(i)] = i;
}

/** Room for packed cells. Blocks are never moved, so that a row stays where it was packed. */
export class Packer {
  readonly columns: readonly Column[];
  /** The block that is being filled, from `at` on. */
  block: Buffer;
  at = 0;
  /** Where the row that is being packed, or was packed last, begins. */
  start = 0;
  readonly #blocks: Buffer[] = [];
  #used = 0;

  constructor(columns: readonly Column[]) {
    this.columns = columns;
    this.block = this.#nextBlock();
  }

  /** Gives up all rows that were packed: their room is used again. */
  clear(): void {
    this.#used = 0;
    this.block = this.#nextBlock();
    this.at = this.start = 0;
  }

  #nextBlock(): Buffer {
    return this.#blocks[this.#used++] ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Begins a row whose texts have at most `bytes` in all. */
  begin(bytes: number): void {
    const needed = bytes + this.columns.length * (LENGTH_BYTES + UUID_BYTES);
    if (this.at + needed > this.block.length) {
      // A large row has a block of its own, which is not kept.
      this.block = needed > BLOCK_BYTES ? Buffer.allocUnsafeSlow(needed) : this.#nextBlock();
      this.at = 0;
    }
    this.start = this.at;
  }

  /** The row that was packed last. */
  row(writeTime: number): PackedRow {
    return new PackedRow(this.columns, this.block, this.start, this.at, writeTime);
  }

  /** Packs a row: as many values as columns, and nothing wrong with any ({@linkcode wrongWith}). */
  add(values: readonly Value[]): void {
    this.begin(values.reduce((sum, value) => sum + (value === null ? 0 : Buffer.byteLength(value)), 0));
    values.forEach((value, n) => this.#cell(value, this.columns[n]!));
  }

  #cell(value: Value, { type }: Column): void {
    const { block, at } = this;
    const text = at + LENGTH_BYTES;
    let length = -1;
    if (value !== null) {
      length = pack(value, type, block, text);
    }
    block.writeInt32BE(length, at);
    this.at = text + Math.max(0, length);
  }
}

/** A row that was packed; its values are made of the bytes where they are asked for. */
export class PackedRow implements Row, Packed {
  constructor(
    readonly columns: readonly Column[],
    readonly bytes: Buffer,
    readonly start: number,
    readonly end: number,
    readonly writeTime: number,
  ) {}

  get packed(): Packed {
    return this;
  }

  get values(): Value[] {
    const { columns, bytes, start, end } = this;
    // One call for all cells, and one look at what is behind the key: for each cell they cost more than the rest of it.
    const all = bytes.toString("latin1", start, end);
    const plain = isAscii(bytes, start + LENGTH_BYTES + Math.max(0, bytes.readInt32BE(start)), end);
    const values = new Array<Value>(columns.length);
    for (let at = start, n = 0; n < columns.length; n++) {
      const { type } = columns[n]!;
      const length = bytes.readInt32BE(at);
      const from = at += LENGTH_BYTES;
      at += Math.max(0, length);
      if (length < 0) values[n] = null;
      else if (type !== "text") values[n] = textAt(bytes, from, type);
      else if (plain || isAscii(bytes, from, at)) values[n] = all.slice(from - start, at - start);
      else values[n] = bytes.toString("utf8", from, at);
    }
    return values;
  }
}

/** @returns the cell's length */
function pack(value: string, type: ColumnType, block: Buffer, at: number): number {
  if (type === "text") return block.write(value, at);
  if (type === "uuid") {
    packUuid(Buffer.from(value), 0, block, at);
    return UUID_BYTES;
  }
  if (type === "double") block.writeDoubleBE(Number(value), at);
  else block.writeBigInt64BE(BigInt(Date.parse(value)), at);
  return 8;
}

function textAt(bytes: Buffer, at: number, type: Exclude<ColumnType, "text">): string {
  if (type === "uuid") return uuidText(bytes, at);
  if (type === "double") return String(bytes.readDoubleBE(at));
  return new Date(Number(bytes.readBigInt64BE(at))).toISOString();
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Why a column of that type cannot have the value, for example `is not a UUID: "x"`; undefined where it can. */
export function wrongWith(value: string, type: ColumnType): string | undefined {
  switch (type) {
    case "uuid":
      return UUID.test(value) ? undefined : `is not a UUID: ${quoted(value)}`;
    case "text":
      return value.isWellFormed() ? undefined : "has a lone surrogate, which has no UTF-8 form";
    case "double":
      if (Number.isFinite(Number(value)) && String(Number(value)) === value) return undefined;
      return `is not a number as it is written here: ${quoted(value)}`;
    case "timestamp": {
      const time = new Date(value);
      const isTime = !Number.isNaN(time.getTime()) && time.toISOString() === value;
      return isTime ? undefined : `is not a time in UTC to the ms: ${quoted(value)}`;
    }
  }
}

function quoted(value: string): string {
  return JSON.stringify(value.slice(0, 80));
}

/** The first four bytes of a row's first cell as a number: rows by it are, but for a few, in the order of their keys. */
export function keyPrefix({ bytes, start }: Packed): number {
  const at = start + LENGTH_BYTES;
  return at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0;
}

function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  let seen = 0;
  for (let i = from; i < to; i++) seen |= bytes[i]!;
  return seen < 0x80;
}

/**
 * Writes the 16 bytes of the UUID whose 36 characters begin at `from`; either case.
 * @returns false where there is none
 */
export function packUuid(from: Uint8Array, start: number, to: Uint8Array, at: number): boolean {
  if (from.length < start + 36) return false;
  let seen = 0;
  for (let i = start, n = 0; n < UUID_BYTES; i += 2, n++) {
    if ((n === 4 || n === 6 || n === 8 || n === 10) && from[i++] !== 0x2d) return false;
    const high = NIBBLE[from[i]!]!;
    const low = NIBBLE[from[i + 1]!]!;
    seen |= high | low;
    to[at + n] = high << 4 | low;
  }
  return seen < UUID_BYTES;
}

const DIGITS = new TextEncoder().encode("0123456789abcdef");
/** The dashes stay; the digits are those of the last UUID. */
const written = Buffer.from("00000000-0000-0000-0000-000000000000");

function uuidText(bytes: Uint8Array, at: number): string {
  for (let i = at, to = 0; to < written.length; i++) {
    if (to === 8 || to === 13 || to === 18 || to === 23) to++;
    written[to++] = DIGITS[bytes[i]! >> 4]!;
    written[to++] = DIGITS[bytes[i]! & 0xf]!;
  }
  return written.toString("latin1");
}

/**
 * What `verify` keeps of many records: for each a key, a time, a fingerprint and a place, in typed arrays. With a UUID
 * as its key an entry takes about 90 bytes, and none of it is the garbage collector's to go through.
 */
import { hashOf } from "../hash.ts";
import type { Value } from "../pipeline.ts";

const BLOCK_BYTES = 1 << 20;

const encoder = new TextEncoder();

/** A table of entries by key. They are numbered from 0 in the order in which they were put. */
export class Entries {
  readonly times: Float64Array;
  readonly prints: Float64Array;
  readonly partitions: Int32Array;
  readonly offsets: Float64Array;
  #size = 0;
  readonly #capacity: number;
  /** Entry + 1 by hash, open addressing; 0 is free. */
  readonly #slots: Int32Array;
  readonly #blocks: Uint8Array[] = [new Uint8Array(BLOCK_BYTES)];
  /** Bytes taken of the last block. */
  #used = 0;
  readonly #blockOf: Int32Array;
  readonly #startOf: Int32Array;
  readonly #lengthOf: Int32Array;

  /** @param capacity entries at the most; what is not put takes no memory */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.times = new Float64Array(capacity);
    this.prints = new Float64Array(capacity);
    this.partitions = new Int32Array(capacity);
    this.offsets = new Float64Array(capacity);
    this.#blockOf = new Int32Array(capacity);
    this.#startOf = new Int32Array(capacity);
    this.#lengthOf = new Int32Array(capacity);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity + 2)));
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#size === this.#capacity;
  }

  /** The entry of this key, or −1. */
  find(key: string): number {
    return this.#slots[this.#slotOf(this.#write(key))]! - 1;
  }

  /** The entry of this key; where there is none, a new one, which is the last. Not with a new key once it is full. */
  put(key: string): number {
    const length = this.#write(key);
    const slot = this.#slotOf(length);
    if (this.#slots[slot]! > 0) return this.#slots[slot]! - 1;
    const entry = this.#size++;
    this.#blockOf[entry] = this.#blocks.length - 1;
    this.#startOf[entry] = this.#used;
    this.#lengthOf[entry] = length;
    this.#used += length;
    this.#slots[slot] = entry + 1;
    return entry;
  }

  key(entry: number): string {
    return decoder.decode(this.#bytes(entry));
  }

  #bytes(entry: number): Uint8Array {
    const start = this.#startOf[entry]!;
    return this.#blocks[this.#blockOf[entry]!]!.subarray(start, start + this.#lengthOf[entry]!);
  }

  /** Writes the key behind the last one, where it stays if it is new. @returns its length */
  #write(key: string): number {
    // A UTF-16 unit takes three bytes at the most.
    const room = 3 * key.length;
    if (this.#blocks.at(-1)!.length - this.#used < room) {
      this.#blocks.push(new Uint8Array(Math.max(BLOCK_BYTES, room)));
      this.#used = 0;
    }
    return encoder.encodeInto(key, this.#blocks.at(-1)!.subarray(this.#used)).written;
  }

  /** The slot of the key that was written last: its own, or the free one where it belongs. */
  #slotOf(length: number): number {
    const block = this.#blocks.at(-1)!;
    const start = this.#used;
    const hash = hashOf(block, start, start + length);
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    while (this.#slots[slot]! > 0 && !this.#same(this.#slots[slot]! - 1, block, start, length)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #same(entry: number, block: Uint8Array, start: number, length: number): boolean {
    if (this.#lengthOf[entry] !== length) return false;
    const other = this.#blocks[this.#blockOf[entry]!]!;
    const from = this.#startOf[entry]!;
    for (let i = 0; i < length; i++) if (other[from + i] !== block[start + i]) return false;
    return true;
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Beyond every UTF-16 unit: so no text looks like two, and null like none. */
const END = 0x10000;
const NULL = 0x10001;

/** 53 bits of the cells: of 9,000,000,000,000,000 contents that differ, one is taken for the same. */
export function printOfValues(values: readonly Value[]): number {
  let a = SEED_A;
  let b = SEED_B;
  for (const value of values) {
    const length = value === null ? 0 : value.length;
    for (let i = 0; i < length; i++) {
      const unit = value!.charCodeAt(i);
      a = Math.imul(a ^ unit, MULTIPLIER_A);
      b = Math.imul(b ^ unit, MULTIPLIER_B);
    }
    const end = value === null ? NULL : END;
    a = Math.imul(a ^ end, MULTIPLIER_A);
    b = Math.imul(b ^ end, MULTIPLIER_B);
  }
  return finish(a, b);
}

/** Which of so many shares of all keys this one belongs to. */
export function bucketOf(key: string, buckets: number): number {
  return printOfValues([key]) % buckets;
}

/** 53 bits of a message's value; one that is null has its own. */
export function printOfBytes(bytes: Uint8Array | null): number {
  if (bytes === null) return -1;
  let a = SEED_A;
  let b = SEED_B;
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i]!, MULTIPLIER_A);
    b = Math.imul(b ^ bytes[i]!, MULTIPLIER_B);
  }
  return finish(a, b);
}

// Two multiplicative hashes side by side, mixed at the end: the constants of cyrb53 (public domain).
const SEED_A = 0xdeadbeef;
const SEED_B = 0x41c6ce57;
const MULTIPLIER_A = 2654435761;
const MULTIPLIER_B = 1597334677;

function finish(a: number, b: number): number {
  const high = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  const low = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  return 4294967296 * (high & 0x1fffff) + (low >>> 0);
}

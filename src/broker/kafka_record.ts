/**
 * The records of one batch as they lie in its bytes: a message is a place in them, and its parts are made when they are
 * asked for. On the way into a table most of them never are.
 */
import type { Delivered } from "./broker.ts";
import { CodecError } from "./kafka_codecs.ts";

/** For each record: where its key, its value and its headers begin, and how long the first two are (-1: null). */
const FIELDS = 5;
const [KEY, KEY_BYTES, VALUE, VALUE_BYTES, HEADERS] = [0, 1, 2, 3, 4] as const;
const RECORD_OVERHEAD = 7;

export const damaged = (): CodecError => new CodecError("its records are damaged");

/** What the records of a batch have in common. */
export interface BatchPlace {
  partition: number;
  first: bigint;
  baseTimestamp: number;
  /** The time at which the broker took the batch, where the topic keeps that instead of the records' own. */
  appendTime: number | undefined;
}

export class RecordBlock {
  readonly #bytes: Uint8Array;
  readonly #batch: BatchPlace;
  readonly #places: Int32Array;
  readonly #deltas: Int32Array;
  readonly #timestamps: Float64Array;
  /** Header names by their place: records of a topic mostly have the same, and decoding text is slow. */
  readonly #names: { bytes: Uint8Array; name: string }[] = [];
  readonly messages: Delivered[] = [];
  /** By message, with its framing. */
  readonly sizes: number[] = [];

  /**
   * @param bytes the records of the batch, not compressed
   * @param least records of a smaller offset delta are left out
   * @throws {CodecError} where they are no `count` records
   */
  constructor(bytes: Uint8Array, count: number, batch: BatchPlace, least: number) {
    // A count that is damaged is not to be believed.
    const most = Math.min(count, Math.ceil(bytes.length / RECORD_OVERHEAD));
    this.#bytes = bytes;
    this.#batch = batch;
    this.#places = new Int32Array(most * FIELDS);
    this.#deltas = new Int32Array(most);
    this.#timestamps = new Float64Array(most);
    const cursor = new Cursor(bytes);
    for (let i = 0; i < count; i++) {
      const size = cursor.open();
      this.#timestamps[i] = batch.baseTimestamp + cursor.varint();
      const delta = this.#deltas[i] = cursor.varint();
      const place = i * FIELDS;
      this.#places[place + KEY_BYTES] = cursor.length();
      this.#places[place + KEY] = cursor.skip(this.#places[place + KEY_BYTES]);
      this.#places[place + VALUE_BYTES] = cursor.length();
      this.#places[place + VALUE] = cursor.skip(this.#places[place + VALUE_BYTES]);
      this.#places[place + HEADERS] = cursor.at;
      cursor.skipHeaders();
      cursor.close();
      if (delta < least) continue;
      this.messages.push(new KafkaRecord(this, i));
      this.sizes.push(size);
    }
    cursor.end();
  }

  get partition(): number {
    return this.#batch.partition;
  }

  offset(record: number): bigint {
    return this.#batch.first + BigInt(this.#deltas[record]);
  }

  timestamp(record: number): number {
    return this.#batch.appendTime ?? this.#timestamps[record];
  }

  key(record: number): Uint8Array | null {
    return this.#part(record * FIELDS + KEY, record * FIELDS + KEY_BYTES);
  }

  value(record: number): Uint8Array | null {
    return this.#part(record * FIELDS + VALUE, record * FIELDS + VALUE_BYTES);
  }

  #part(start: number, length: number): Uint8Array | null {
    const at = this.#places[start];
    const bytes = this.#places[length];
    return bytes < 0 ? null : this.#bytes.subarray(at, at + bytes);
  }

  /** Of a name that is there twice the last value is kept; a null value is an empty one. */
  headers(record: number): Record<string, Uint8Array> {
    const headers: Record<string, Uint8Array> = {};
    const cursor = new Cursor(this.#bytes, this.#places[record * FIELDS + HEADERS]);
    const count = cursor.varint();
    for (let i = 0; i < count; i++) {
      const name = this.#name(i, cursor.bytes());
      headers[name] = cursor.bytes() ?? new Uint8Array(0);
    }
    return headers;
  }

  #name(index: number, bytes: Uint8Array | null): string {
    if (bytes === null) throw damaged();
    const last = this.#names[index];
    if (last !== undefined && same(last.bytes, bytes)) return last.name;
    const name = utf8.decode(bytes);
    this.#names[index] = { bytes, name };
    return name;
  }
}

class KafkaRecord implements Delivered {
  readonly #block: RecordBlock;
  readonly #record: number;

  constructor(block: RecordBlock, record: number) {
    this.#block = block;
    this.#record = record;
  }

  get partition(): number {
    return this.#block.partition;
  }

  get offset(): bigint {
    return this.#block.offset(this.#record);
  }

  get timestamp(): number {
    return this.#block.timestamp(this.#record);
  }

  get key(): Uint8Array | null {
    return this.#block.key(this.#record);
  }

  get value(): Uint8Array | null {
    return this.#block.value(this.#record);
  }

  get headers(): Record<string, Uint8Array> {
    return this.#block.headers(this.#record);
  }
}

/** Steps through the records of a batch. Reading past an end is a {@linkcode CodecError}, never garbage. */
export class Cursor {
  readonly #data: Uint8Array;
  #end: number;
  at: number;

  constructor(data: Uint8Array, at = 0) {
    this.#data = data;
    this.#end = data.length;
    this.at = at;
  }

  /** Begins a record, and gives its size. */
  open(): number {
    this.#end = this.#data.length;
    const size = this.varint();
    if (!(size >= 0 && this.at + size <= this.#data.length)) throw damaged();
    this.#end = this.at + size;
    this.at++; // Attributes, of which there are none yet.
    return size;
  }

  close(): void {
    if (this.at !== this.#end) throw damaged();
  }

  /** No record may lie behind those that were counted. */
  end(): void {
    if (this.at !== this.#data.length) throw damaged();
  }

  /** A zigzag varint of up to 53 bits. */
  varint(): number {
    let byte = this.#data[this.at++];
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = this.#data[this.at++];
      value += (byte & 0x7f) * scale;
    }
    if (!(this.at <= this.#end)) throw damaged();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** Of what follows: -1 for null. */
  length(): number {
    const length = this.varint();
    if (!(length >= -1 && this.at + length <= this.#end)) throw damaged();
    return length;
  }

  /** Passes over so many bytes, and says where they begin. */
  skip(length: number): number {
    const start = this.at;
    if (length > 0) this.at += length;
    return start;
  }

  bytes(): Uint8Array | null {
    const length = this.length();
    const start = this.skip(length);
    return length < 0 ? null : this.#data.subarray(start, start + length);
  }

  skipHeaders(): void {
    const count = this.varint();
    for (let i = 0; i < count; i++) {
      const name = this.length();
      if (name < 0) throw damaged();
      this.skip(name);
      this.skip(this.length());
    }
  }

  /** The type of a control record: the second half of its key. */
  controlType(): number {
    this.open();
    this.varint();
    this.varint();
    const key = this.bytes();
    if (key === null || key.length < 4) throw damaged();
    return key[2] << 8 | key[3];
  }
}

const utf8 = new TextDecoder();

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

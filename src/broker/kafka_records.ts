/**
 * Reads Kafka's record batches (format 2: Kafka 0.11 and later) into messages. kafkajs has a decoder, but it
 * stops for ever on a batch that compaction emptied, does not say where a batch ends whose last records were
 * compacted, and costs four times the CPU.
 */
import { crc32c } from "@platformatic/wasm-utils/bundled";
import type { Delivered } from "./broker.ts";
import { CodecError, decompress } from "./kafka_codecs.ts";

/** Where the fields of a batch stand: https://kafka.apache.org/documentation/#recordbatch */
const AT = {
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  count: 57,
  records: 61,
};
/** Bytes before and with the length field, which does not count them. */
const LENGTH_END = 12;
const COMPRESSION = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** Of a control record's key: version, then type. */
const ABORT = 0;

/** A transaction that was given up: its producer's records from `firstOffset` to its marker are not read. */
export interface AbortedTransaction {
  producerId: bigint;
  firstOffset: bigint;
}

/** Whole record batches of one partition as the broker sent them. */
export interface RecordSet {
  partition: number;
  bytes: Uint8Array;
  aborted: AbortedTransaction[];
}

/** A batch that cannot be read. It holds the offsets from `first` to `next`, not included. */
export class UnreadableBatch extends Error {
  override readonly name = "UnreadableBatch";
  constructor(readonly first: bigint, readonly next: bigint, reason: string, cause?: unknown) {
    super(reason, { cause });
  }
}

/** One batch without its control and aborted records. `sizes` are bytes with their framing. */
interface RecordBatch {
  messages: Delivered[];
  sizes: number[];
  next: bigint;
}

/** The length of the whole batches at the front of `bytes`, and the position after them; the tail may be cut. */
export function wholeBatches(bytes: Uint8Array): { length: number; next: bigint | null } {
  const view = viewOf(bytes);
  let length = 0;
  let next: bigint | null = null;
  while (length + AT.magic < bytes.length) {
    const end = length + LENGTH_END + view.getInt32(length + AT.length);
    if (end > bytes.length) break;
    if (end < length + AT.records) throw new RangeError("A record batch is shorter than its own fields");
    next = view.getBigInt64(length) + BigInt(view.getInt32(length + AT.lastOffsetDelta) + 1);
    length = end;
  }
  return { length, next };
}

/**
 * The batches of a set, one at a time: no more than one is held decompressed.
 * @param from records below are left out: a batch is always sent whole
 * @throws {UnreadableBatch}
 */
export function* recordBatches(set: RecordSet, from: bigint): Generator<RecordBatch> {
  const view = viewOf(set.bytes);
  const aborted = new AbortedProducers(set.aborted);
  for (let at = 0; at < set.bytes.length;) {
    const end = at + LENGTH_END + view.getInt32(at + AT.length);
    const first = view.getBigInt64(at);
    const next = first + BigInt(view.getInt32(at + AT.lastOffsetDelta) + 1);
    try {
      if (view.getInt8(at + AT.magic) !== 2) throw new CodecError("it is in a format from before Kafka 0.11");
      const checked = set.bytes.subarray(at + AT.attributes, end);
      if (crc32c(checked) !== view.getUint32(at + AT.crc)) throw new CodecError("its checksum does not fit");
      yield decode(view, at, end, { first, next, from, partition: set.partition, aborted });
    } catch (error) {
      if (error instanceof CodecError || error instanceof RangeError) {
        throw new UnreadableBatch(first, next, error.message, error);
      }
      throw error;
    }
    at = end;
  }
}

interface Place {
  first: bigint;
  next: bigint;
  from: bigint;
  partition: number;
  aborted: AbortedProducers;
}

function decode(view: DataView, at: number, end: number, place: Place): RecordBatch {
  const batch: RecordBatch = { messages: [], sizes: [], next: place.next };
  const attributes = view.getInt16(at + AT.attributes);
  const producerId = view.getBigInt64(at + AT.producerId);
  const count = view.getInt32(at + AT.count);
  place.aborted.reach(place.next);
  const skipped = attributes & TRANSACTIONAL && place.aborted.has(producerId);
  if (count === 0 || (skipped && !(attributes & CONTROL))) return batch;
  let bytes = new Uint8Array(view.buffer, view.byteOffset + at + AT.records, end - at - AT.records);
  if (attributes & COMPRESSION) bytes = decompress(attributes & COMPRESSION, bytes);
  const cursor = new Cursor(bytes);
  if (attributes & CONTROL) {
    if (cursor.controlType() === ABORT) place.aborted.end(producerId);
    return batch;
  }
  const baseTimestamp = Number(view.getBigInt64(at + AT.baseTimestamp));
  const appendTime = attributes & LOG_APPEND_TIME ? Number(view.getBigInt64(at + AT.maxTimestamp)) : undefined;
  for (let i = 0; i < count; i++) {
    const size = cursor.open();
    const timestamp = baseTimestamp + cursor.varint();
    const offset = place.first + BigInt(cursor.varint());
    const key = cursor.bytes();
    const value = cursor.bytes();
    const headers = cursor.headers();
    cursor.close();
    if (offset < place.from) continue;
    batch.messages.push({
      key,
      value,
      headers,
      timestamp: appendTime ?? timestamp,
      partition: place.partition,
      offset,
    });
    batch.sizes.push(size);
  }
  return batch;
}

/** Which producers' records are to be left out, as the position moves on. */
class AbortedProducers {
  #coming: AbortedTransaction[];
  #now = new Set<bigint>();

  constructor(aborted: AbortedTransaction[]) {
    this.#coming = aborted.toSorted((a, b) => a.firstOffset < b.firstOffset ? -1 : 1);
  }

  reach(next: bigint): void {
    while (this.#coming.length > 0 && this.#coming[0].firstOffset < next) {
      this.#now.add(this.#coming.shift()!.producerId);
    }
  }

  has(producerId: bigint): boolean {
    return this.#now.has(producerId);
  }

  end(producerId: bigint): void {
    this.#now.delete(producerId);
  }
}

/** Steps through the records of a batch. Reading past an end is a {@linkcode CodecError}, never garbage. */
class Cursor {
  readonly #data: Uint8Array;
  #at = 0;
  #end = 0;
  /** Header names by their place: records of a topic mostly have the same, and decoding text is slow. */
  #names: { bytes: Uint8Array; name: string }[] = [];

  constructor(data: Uint8Array) {
    this.#data = data;
    this.#end = data.length;
  }

  /** Begins a record, and gives its size. */
  open(): number {
    this.#end = this.#data.length;
    const size = this.varint();
    if (!(size >= 0 && this.#at + size <= this.#data.length)) throw damaged();
    this.#end = this.#at + size;
    this.#at++; // Attributes, of which there are none yet.
    return size;
  }

  close(): void {
    if (this.#at !== this.#end) throw damaged();
  }

  /** A zigzag varint of up to 53 bits. */
  varint(): number {
    let byte = this.#data[this.#at++];
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = this.#data[this.#at++];
      value += (byte & 0x7f) * scale;
    }
    if (!(this.#at <= this.#end)) throw damaged();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(): Uint8Array | null {
    const length = this.varint();
    if (length === -1) return null;
    const start = this.#at;
    if (!(length >= 0 && start + length <= this.#end)) throw damaged();
    return this.#data.subarray(start, this.#at = start + length);
  }

  /** Of a name that is there twice the last value is kept; a null value is an empty one. */
  headers(): Record<string, Uint8Array> {
    const headers: Record<string, Uint8Array> = {};
    const count = this.varint();
    for (let i = 0; i < count; i++) headers[this.#name(i)] = this.bytes() ?? new Uint8Array(0);
    return headers;
  }

  #name(index: number): string {
    const bytes = this.bytes();
    if (bytes === null) throw damaged();
    const last = this.#names[index];
    if (last !== undefined && same(last.bytes, bytes)) return last.name;
    const name = utf8.decode(bytes);
    this.#names[index] = { bytes, name };
    return name;
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

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const damaged = (): CodecError => new CodecError("its records are damaged");

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

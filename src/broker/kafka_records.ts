/**
 * Reads Kafka's record batches (format 2: Kafka 0.11 and later) into messages. kafkajs has a decoder, but it
 * stops for ever on a batch that compaction emptied, does not say where a batch ends whose last records were
 * compacted, and costs four times the CPU.
 */
import { crc32c } from "@platformatic/wasm-utils/bundled";
import type { Delivered } from "./broker.ts";
import { CodecError, CODECS, decompress } from "./kafka_codecs.ts";
import { AT, FORMAT, type Frame, frameAt, viewOf } from "./kafka_frames.ts";
import { Cursor, RecordBlock } from "./kafka_record.ts";

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
  /** The position after them; `null` where nothing whole came. */
  next: bigint | null;
}

/** One batch without its control and aborted records. `sizes` are bytes with their framing. */
interface RecordBatch {
  messages: Delivered[];
  sizes: number[];
  next: bigint;
  /**
   * I3: it could not be read, and its one message stands for it. `checksum`: what was fetched does not fit its
   * checksum, so that the way from the broker may be at fault.
   */
  unreadable?: { checksum: boolean };
}

class ChecksumError extends CodecError {}

/**
 * The batches of a set, one at a time: no more than one is held decompressed.
 * @param from records below are left out: a batch is always sent whole. One that cannot be read is given whole
 */
export function* recordBatches(set: RecordSet, from: bigint): Generator<RecordBatch> {
  const view = viewOf(set.bytes);
  const place = { partition: set.partition, from, aborted: new AbortedProducers(set.aborted) };
  for (let frame = frameAt(view, 0); frame !== null;) {
    const behind = frameAt(view, frame.end);
    let batch: RecordBatch;
    try {
      batch = decode(view, frame, place);
    } catch (error) {
      if (!(error instanceof CodecError || error instanceof RangeError)) throw error;
      // Its own fields may be what is damaged: the batch behind it says better where it ends.
      const next = behind?.first ?? set.next ?? frame.next;
      batch = unreadable(set, view, { ...frame, next: next > from ? next : from }, error);
      // It may be the mark that ends an aborted transaction: what is behind it is not to be left out.
      if (isControl(view, frame)) place.aborted.end(producerOf(view, frame));
    }
    yield batch;
    frame = behind;
  }
}

interface Place {
  from: bigint;
  partition: number;
  aborted: AbortedProducers;
}

function decode(view: DataView, { at, end, first, next }: Frame, place: Place): RecordBatch {
  if (view.getInt8(at + AT.magic) !== FORMAT) throw new CodecError("it is in a format from before Kafka 0.11");
  const checked = new Uint8Array(view.buffer, view.byteOffset + at + AT.attributes, end - at - AT.attributes);
  if (crc32c(checked) !== view.getUint32(at + AT.crc)) throw new ChecksumError("its checksum does not fit");
  const batch: RecordBatch = { messages: [], sizes: [], next };
  const attributes = view.getInt16(at + AT.attributes);
  const producerId = view.getBigInt64(at + AT.producerId);
  const count = view.getInt32(at + AT.count);
  place.aborted.reach(next);
  const skipped = attributes & TRANSACTIONAL && place.aborted.has(producerId);
  if (count === 0 || (skipped && !(attributes & CONTROL))) return batch;
  let bytes = checked.subarray(AT.records - AT.attributes);
  if (attributes & COMPRESSION) bytes = decompress(attributes & COMPRESSION, bytes);
  if (attributes & CONTROL) {
    if (new Cursor(bytes).controlType() === ABORT) place.aborted.end(producerId);
    return batch;
  }
  const least = place.from > first ? Number(place.from - first) : 0;
  const { messages, sizes } = new RecordBlock(bytes, count, {
    partition: place.partition,
    first,
    baseTimestamp: Number(view.getBigInt64(at + AT.baseTimestamp)),
    appendTime: attributes & LOG_APPEND_TIME ? Number(view.getBigInt64(at + AT.maxTimestamp)) : undefined,
  }, least);
  return { messages, sizes, next };
}

function unreadable(set: RecordSet, view: DataView, { at, end, first, next }: Frame, error: Error): RecordBatch {
  const current = view.getInt8(at + AT.magic) === FORMAT;
  const codec = current ? codecOf(view.getInt16(at + AT.attributes) & COMPRESSION) : "an old format";
  const last = next > first ? next - 1n : first;
  const reason = `the record batch of the offsets ${first} to ${last} (${codec}) cannot be read: ${error.message}`;
  const message: Delivered = {
    key: null,
    value: set.bytes.subarray(at, end),
    headers: {},
    timestamp: current ? Number(view.getBigInt64(at + AT.baseTimestamp)) : -1,
    partition: set.partition,
    offset: first,
    unreadable: { last, reason },
  };
  const checksum = error instanceof ChecksumError;
  return { messages: [message], sizes: [end - at], next: last + 1n, unreadable: { checksum } };
}

function codecOf(type: number): string {
  return type === 0 ? "not compressed" : CODECS[type]?.name ?? `compression ${type}`;
}

function isControl(view: DataView, { at }: Frame): boolean {
  return view.getInt8(at + AT.magic) === FORMAT && (view.getInt16(at + AT.attributes) & CONTROL) !== 0;
}

const producerOf = (view: DataView, { at }: Frame): bigint => view.getBigInt64(at + AT.producerId);

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

/**
 * Where the record batches lie in what was fetched, and which offsets each says it holds, read without decoding them:
 * before their checksums are looked at, so nothing here is more than what they say.
 */

/** Where the fields of a batch stand: https://kafka.apache.org/documentation/#recordbatch */
export const AT = {
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
/** The format that is read here. */
export const FORMAT = 2;
/** Bytes before and with the length field, which does not count them. */
const LENGTH_END = 12;
/** The least that a message has in the formats before: of it nothing but its offset is read. */
const OLD_BYTES = 26;

/** One batch. */
export interface Frame {
  /** From here to `end`, in bytes. */
  at: number;
  end: number;
  first: bigint;
  /** Past its last offset. */
  next: bigint;
}

/** The batch at a place; null where it is cut off, or at the end. @throws {RangeError} where it cannot be one */
export function frameAt(view: DataView, at: number): Frame | null {
  if (at + AT.magic >= view.byteLength) return null;
  const end = at + LENGTH_END + view.getInt32(at + AT.length);
  if (end > view.byteLength) return null;
  const current = view.getInt8(at + AT.magic) === FORMAT;
  if (end < at + (current ? AT.records : OLD_BYTES)) {
    throw new RangeError("A record batch is shorter than its own fields");
  }
  const first = view.getBigInt64(at);
  // Before format 2 the offset is that of the last record. A negative difference is damage, and would be no progress.
  const more = current ? Math.max(0, view.getInt32(at + AT.lastOffsetDelta)) : 0;
  return { at, end, first, next: first + BigInt(more + 1) };
}

/** The length of the whole batches at the front of `bytes`, and the position after them; the tail may be cut. */
export function wholeBatches(bytes: Uint8Array): { length: number; next: bigint | null } {
  const view = viewOf(bytes);
  let last: Frame | null = null;
  for (let frame = frameAt(view, 0); frame !== null; frame = frameAt(view, frame.end)) last = frame;
  return { length: last?.end ?? 0, next: last?.next ?? null };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The embedded broker's chunk: a run of messages of one partition as one BLOB, because a row a message costs
 * ten times as much to read. Headers that neighbours share are kept, and read back, once.
 *
 *     u32 sets, then for each: u32 pairs, then for each pair: u32 length + name, u32 length + value
 *     then for each message: f64 timestamp, i32 key length, i32 value length (−1: null), u32 set, key, value
 */
import type { Delivered, Message } from "./broker.ts";

/** Bytes of messages after which the next one begins a new chunk; one larger message is a chunk alone. */
const CHUNK_BYTES = 64 * 1024;
const MESSAGE_HEAD = 20;

type Headers = Message["headers"];

export interface Chunk {
  count: number;
  /** Bytes of keys, values and headers. */
  bytes: number;
  /** The latest timestamp in it. */
  latest: number;
  data: Uint8Array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What a message counts: bytes of key, value, and header names and values. */
export function sizeOf(message: Message): number {
  return (message.key?.length ?? 0) + (message.value?.length ?? 0) + headerBytes(message.headers);
}

function headerBytes(headers: Headers): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + headers[name].length;
  return bytes;
}

/** Messages of one partition, in their order, as chunks. `sizes` are those of {@linkcode sizeOf}. */
export function encodeChunks(messages: readonly Message[], sizes: readonly number[]): Chunk[] {
  const chunks: Chunk[] = [];
  for (let from = 0; from < messages.length;) {
    let to = from;
    let bytes = 0;
    do bytes += sizes[to++]; while (to < messages.length && bytes + sizes[to] <= CHUNK_BYTES);
    chunks.push(encodeChunk(messages.slice(from, to), bytes));
    from = to;
  }
  return chunks;
}

function encodeChunk(messages: readonly Message[], bytes: number): Chunk {
  const { sets, setOf } = headerSets(messages);
  let size = 4;
  for (const set of sets) size += set.length;
  for (const { key, value } of messages) size += MESSAGE_HEAD + (key?.length ?? 0) + (value?.length ?? 0);
  const data = new Uint8Array(size);
  const view = new DataView(data.buffer);
  view.setUint32(0, sets.length);
  let at = 4;
  const put = (part: Uint8Array) => {
    data.set(part, at);
    at += part.length;
  };
  sets.forEach(put);
  let latest = -Infinity;
  messages.forEach(({ key, value, timestamp }, i) => {
    view.setFloat64(at, timestamp);
    view.setInt32(at + 8, key?.length ?? -1);
    view.setInt32(at + 12, value?.length ?? -1);
    view.setUint32(at + 16, setOf[i]);
    at += MESSAGE_HEAD;
    if (key) put(key);
    if (value) put(value);
    latest = Math.max(latest, timestamp);
  });
  return { count: messages.length, bytes, latest, data };
}

/** The distinct header sets of neighbours, and which of them each message has. */
function headerSets(messages: readonly Message[]): { sets: Uint8Array[]; setOf: number[] } {
  const sets: Uint8Array[] = [];
  let last: Headers | undefined;
  const setOf = messages.map(({ headers }) => {
    if (last === undefined || !sameHeaders(last, headers)) sets.push(encodeHeaders(headers));
    last = headers;
    return sets.length - 1;
  });
  return { sets, setOf };
}

function sameHeaders(a: Headers, b: Headers): boolean {
  if (a === b) return true;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && sameBytes(a[name], b[name]));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]));
}

function encodeHeaders(headers: Headers): Uint8Array {
  const pairs = Object.entries(headers).flatMap(([name, value]) => [encoder.encode(name), value]);
  const data = new Uint8Array(pairs.reduce((sum, part) => sum + 4 + part.length, 4));
  const view = new DataView(data.buffer);
  view.setUint32(0, pairs.length / 2);
  let at = 4;
  for (const part of pairs) {
    view.setUint32(at, part.length);
    data.set(part, at + 4);
    at += 4 + part.length;
  }
  return data;
}

/** Where the messages of a chunk go, and how many may. */
export interface Reading {
  partition: number;
  /** The first offset that is wanted. */
  from: number;
  messages: Delivered[];
  bytes: number;
  maxMessages: number;
  /** One message may exceed it alone. */
  maxBytes: number;
}

/**
 * Adds the messages of a chunk to `reading`. Keys and values are views of `data`, not copies.
 * @param base the offset of the chunk's first message
 * @returns false where a limit was reached
 * @throws {RangeError | TypeError} where it is damaged, with a part of them added
 */
export function decodeChunk(data: Uint8Array, base: number, count: number, reading: Reading): boolean {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const { sets, end } = decodeHeaderSets(data, view);
  let at = end;
  const part = (length: number) => {
    if (length < 0) return null;
    if (at + length > data.length) throw new RangeError("A message ends behind its chunk");
    return data.subarray(at, at += length);
  };
  for (let offset = base; offset < base + count; offset++) {
    const keyLength = view.getInt32(at + 8);
    const valueLength = view.getInt32(at + 12);
    const payload = Math.max(0, keyLength) + Math.max(0, valueLength);
    if (offset < reading.from) {
      at += MESSAGE_HEAD + payload;
      continue;
    }
    const { headers, bytes } = sets[view.getUint32(at + 16)];
    if (!fits(reading, payload + bytes)) return false;
    const timestamp = view.getFloat64(at);
    at += MESSAGE_HEAD;
    const [key, value] = [part(keyLength), part(valueLength)];
    reading.messages.push({ partition: reading.partition, offset: BigInt(offset), key, value, headers, timestamp });
    reading.bytes += payload + bytes;
  }
  if (at !== data.length) throw new RangeError("A chunk goes on behind its messages");
  return true;
}

function fits({ messages, bytes, maxMessages, maxBytes }: Reading, more: number): boolean {
  return messages.length === 0 || (messages.length < maxMessages && bytes + more <= maxBytes);
}

function decodeHeaderSets(data: Uint8Array, view: DataView) {
  const sets: { headers: Headers; bytes: number }[] = [];
  let at = 4;
  const part = () => {
    const length = view.getUint32(at);
    return data.subarray(at + 4, at += 4 + length);
  };
  for (let left = view.getUint32(0); left > 0; left--) {
    const pairs: [string, Uint8Array][] = [];
    let count = view.getUint32(at);
    at += 4;
    while (count-- > 0) pairs.push([decoder.decode(part()), part()]);
    // From entries, so that a header called "__proto__" is a header.
    const headers = Object.fromEntries(pairs);
    sets.push({ headers, bytes: headerBytes(headers) });
  }
  return { sets, end: at };
}

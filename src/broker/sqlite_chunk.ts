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
/** Where in it the lengths of key and value and the number of the header set are. */
const [KEY_AT, VALUE_AT, SET_AT] = [8, 12, 16] as const;

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
    view.setInt32(at + KEY_AT, key?.length ?? -1);
    view.setInt32(at + VALUE_AT, value?.length ?? -1);
    view.setUint32(at + SET_AT, setOf[i]);
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
 * Adds the messages of a chunk to `reading`: places in `data`, whose parts are made when they are asked for.
 * @param base the offset of the chunk's first message
 * @returns false where a limit was reached
 * @throws {RangeError | TypeError} where it is damaged, with a part of them added
 */
export function decodeChunk(data: Uint8Array, base: number, count: number, reading: Reading): boolean {
  const chunk = new StoredMessages(data, reading.partition);
  const { view, sets } = chunk;
  let at = chunk.end;
  for (let offset = base; offset < base + count; offset++) {
    const payload = Math.max(0, view.getInt32(at + KEY_AT)) + Math.max(0, view.getInt32(at + VALUE_AT));
    const { bytes } = sets[view.getUint32(at + SET_AT)];
    const next = at + MESSAGE_HEAD + payload;
    if (next > data.length) throw new RangeError("A message ends behind its chunk");
    if (offset >= reading.from) {
      if (!fits(reading, payload + bytes)) return false;
      reading.messages.push(new StoredMessage(chunk, at, offset));
      reading.bytes += payload + bytes;
    }
    at = next;
  }
  if (at !== data.length) throw new RangeError("A chunk goes on behind its messages");
  return true;
}

/** What the messages of one chunk have in common. */
class StoredMessages {
  readonly data: Uint8Array;
  readonly view: DataView;
  readonly partition: number;
  readonly sets: readonly HeaderSet[];
  /** Where its first message begins. */
  readonly end: number;

  constructor(data: Uint8Array, partition: number) {
    this.data = data;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.partition = partition;
    ({ sets: this.sets, end: this.end } = decodeHeaderSets(data, this.view));
  }

  /** From `at` on; null where it has no length. */
  part(at: number, length: number): Uint8Array | null {
    return length < 0 ? null : this.data.subarray(at, at + length);
  }
}

class StoredMessage implements Delivered {
  readonly #chunk: StoredMessages;
  readonly #at: number;
  readonly #offset: number;

  constructor(chunk: StoredMessages, at: number, offset: number) {
    this.#chunk = chunk;
    this.#at = at;
    this.#offset = offset;
  }

  get partition(): number {
    return this.#chunk.partition;
  }

  get offset(): bigint {
    return BigInt(this.#offset);
  }

  get timestamp(): number {
    return this.#chunk.view.getFloat64(this.#at);
  }

  /** A view of the chunk, not a copy; as is the value. */
  get key(): Uint8Array | null {
    return this.#chunk.part(this.#at + MESSAGE_HEAD, this.#length(KEY_AT));
  }

  get value(): Uint8Array | null {
    return this.#chunk.part(this.#at + MESSAGE_HEAD + Math.max(0, this.#length(KEY_AT)), this.#length(VALUE_AT));
  }

  get headers(): Headers {
    return this.#chunk.sets[this.#chunk.view.getUint32(this.#at + SET_AT)].headers;
  }

  #length(at: number): number {
    return this.#chunk.view.getInt32(this.#at + at);
  }
}

function fits({ messages, bytes, maxMessages, maxBytes }: Reading, more: number): boolean {
  return messages.length === 0 || (messages.length < maxMessages && bytes + more <= maxBytes);
}

/** With the bytes that it counts for each message. */
interface HeaderSet {
  headers: Headers;
  bytes: number;
}

function decodeHeaderSets(data: Uint8Array, view: DataView): { sets: HeaderSet[]; end: number } {
  const sets: HeaderSet[] = [];
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

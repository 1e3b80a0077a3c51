/**
 * The compressions of Kafka's record batches. kafkajs has gzip alone; topics written by others hold snappy,
 * lz4 and zstd too. Everything is `node:zlib` or WebAssembly: the executable may not load native libraries.
 */
import { Buffer } from "node:buffer";
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { lz4Compress, lz4Decompress, snappyCompress, snappyDecompress } from "@platformatic/wasm-utils/bundled";
import { messageOf } from "../errors.ts";

/** What one record batch may grow to, in bytes. Kafka's own default for a batch on the wire is 1 MiB. */
export const MAX_BATCH_BYTES = 64 * 1024 * 1024;

/** A batch that cannot be decompressed; the message is one line that says why. */
export class CodecError extends Error {
  override readonly name = "CodecError";
}

export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

interface Codec {
  name: Compression;
  compress(data: Uint8Array): Uint8Array;
  /** @param limit bytes that the result may have */
  decompress(data: Uint8Array, limit: number): Uint8Array;
}

/** By the number in the attributes of a record batch; 0 is none. */
export const CODECS: Record<number, Codec | undefined> = {
  1: {
    name: "gzip",
    compress: (data) => gzipSync(data),
    decompress: (data, limit) => gunzipSync(data, bounded(limit)),
  },
  2: { name: "snappy", compress: (data) => snappyCompress(asBuffer(data)), decompress: fromSnappy },
  3: { name: "lz4", compress: (data) => lz4Compress(asBuffer(data)), decompress: fromLz4 },
  4: {
    name: "zstd",
    compress: (data) => zstdCompressSync(data, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
    decompress: fromZstd,
  },
};

/** The number of a compression in Kafka's protocol. */
export function numberOf(compression: Compression): number {
  return Number(Object.keys(CODECS).find((type) => CODECS[Number(type)]?.name === compression) ?? 0);
}

/**
 * The records of a batch as they were before compression.
 * @param type the number of the codec
 * @throws {CodecError} unknown codec, damaged data, or more than `limit` bytes
 */
export function decompress(type: number, data: Uint8Array, limit = MAX_BATCH_BYTES): Uint8Array {
  const codec = CODECS[type];
  if (!codec) throw new CodecError(`its compression (number ${type}) is not known`);
  try {
    return codec.decompress(data, limit);
  } catch (error) {
    if (error instanceof CodecError) throw error;
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(limit);
    throw new CodecError(`its ${codec.name} data is damaged (${messageOf(error)})`, { cause: error });
  }
}

const bounded = (maxOutputLength: number) => ({ maxOutputLength });

const asBuffer = (data: Uint8Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function tooLarge(limit: number): CodecError {
  return new CodecError(`it grows to more than ${limit} bytes when decompressed`);
}

function fromZstd(data: Uint8Array, limit: number): Uint8Array {
  const whole = zstdDecompressSync(data, bounded(limit));
  // Of data that is cut off, node:zlib gives what it has, without an error.
  if (whole.length === 0) throw new CodecError("its zstd data is cut off");
  return whole;
}

/** Java writes a stream of blocks with a header of its own (xerial), librdkafka one raw block. */
const XERIAL_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00);
const XERIAL_HEADER_BYTES = 16;

function fromSnappy(data: Uint8Array, limit: number): Uint8Array {
  if (!XERIAL_MAGIC.every((byte, i) => data[i] === byte)) return fromRawSnappy(data, limit);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const blocks: Uint8Array[] = [];
  let size = 0;
  for (let at = XERIAL_HEADER_BYTES; at < data.length;) {
    const start = at + 4;
    at = start + view.getUint32(at);
    if (at > data.length) throw new CodecError("its snappy data ends in the middle of a block");
    blocks.push(fromRawSnappy(data.subarray(start, at), limit - size));
    size += blocks.at(-1)!.length;
  }
  return Buffer.concat(blocks, size);
}

/** A raw block begins with its size as a varint, so that the limit is known before anything is allocated. */
function fromRawSnappy(data: Uint8Array, limit: number): Uint8Array {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    size += (data[i] & 0x7f) * 2 ** (7 * i);
    if (data[i] < 0x80) break;
  }
  if (size > limit) throw tooLarge(limit);
  return snappyDecompress(asBuffer(data));
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
const LZ4_MAGIC = 0x184d2204;

function fromLz4(data: Uint8Array, limit: number): Uint8Array {
  if (lz4Bound(data) > limit) throw tooLarge(limit);
  return lz4Decompress(asBuffer(data));
}

/** The most that an lz4 frame can grow to: its blocks, each taken as full. */
function lz4Bound(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (view.getUint32(0, true) !== LZ4_MAGIC) throw new CodecError("its lz4 data has no frame header");
  const flags = view.getUint8(4);
  const maxBlock = 2 ** (8 + 2 * (view.getUint8(5) >> 4 & 7));
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let bound = 0;
  for (let size = view.getUint32(at, true); size !== 0; size = view.getUint32(at, true)) {
    const stored = size >= 0x80000000;
    const length = size & 0x7fffffff;
    bound += stored ? length : maxBlock;
    at += 4 + length + (flags & 0x10 ? 4 : 0);
  }
  return bound;
}

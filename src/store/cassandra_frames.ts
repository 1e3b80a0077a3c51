/**
 * The frames of CQL's native protocol, version 4, that writing takes: what is asked, byte by byte, and what comes
 * back. https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec
 */
import { errors } from "cassandra-driver";
import { Buffer } from "node:buffer";
import type { Packed } from "../pipeline.ts";

export const PROTOCOL_VERSION = 4;
export const HEADER_BYTES = 9;
/** A write time: the length of a value and a bigint. */
export const TIME_BYTES = 12;

const OPCODE = { error: 0x00, options: 0x05, result: 0x08, prepare: 0x09, execute: 0x0a } as const;
const UNPREPARED = 0x2500;
const PREPARED_KIND = 4;
/** The flag of an answer that begins with warnings. */
const WARNED = 0x08;
const WITH_VALUES = 0x01;

/** One answer of the server. */
export interface Answer {
  stream: number;
  opcode: number;
  flags: number;
  body: Buffer;
}

/** What a statement of several rows writes: those of `rows` whose places stand in `order` from `from` to `to`. */
export interface Execution {
  rows: readonly Packed[];
  order: Int32Array;
  from: number;
  to: number;
  /** Bytes of these rows with their times. */
  bytes: number;
}

function header(out: Buffer, at: number, stream: number, opcode: number, bodyBytes: number): number {
  out[at] = PROTOCOL_VERSION;
  out[at + 1] = 0;
  out.writeInt16BE(stream, at + 2);
  out[at + 4] = opcode;
  out.writeInt32BE(bodyBytes, at + 5);
  return at + HEADER_BYTES;
}

/** Bytes of the frame that {@linkcode writeExecute} writes. */
export function executeBytes(id: Buffer, { bytes }: Execution): number {
  return HEADER_BYTES + 2 + id.length + 2 + 1 + 2 + bytes;
}

/**
 * Writes the frame that executes a prepared statement of INSERTs with `USING TIMESTAMP ?`, each of `values` values.
 * @returns where it ends
 */
export function writeExecute(
  out: Buffer,
  begin: number,
  stream: number,
  id: Buffer,
  consistency: number,
  values: number,
  execution: Execution,
): number {
  const { rows, order, from, to } = execution;
  let at = header(out, begin, stream, OPCODE.execute, executeBytes(id, execution) - HEADER_BYTES);
  at = out.writeUInt16BE(id.length, at);
  out.set(id, at);
  at = out.writeUInt16BE(consistency, at + id.length);
  out[at++] = WITH_VALUES;
  at = out.writeUInt16BE((to - from) * values, at);
  for (let i = from; i < to; i++) {
    const { bytes, start, end, writeTime } = rows[order[i]!]!;
    out.set(bytes.subarray(start, end), at);
    at += end - start;
    // I4: the record's own time, never the server's clock.
    putTime(out, at, writeTime);
    at += TIME_BYTES;
  }
  return at;
}

/** A whole number of at most 2^53 either way as a value of CQL's bigint. */
export function putTime(out: Buffer, at: number, time: number): void {
  out.writeInt32BE(8, at);
  out.writeInt32BE(Math.floor(time / 2 ** 32) | 0, at + 4);
  out.writeUInt32BE(time >>> 0, at + 8);
}

export function prepareFrame(stream: number, statement: string): Buffer {
  const bytes = Buffer.byteLength(statement);
  const out = Buffer.alloc(HEADER_BYTES + 4 + bytes);
  const at = header(out, 0, stream, OPCODE.prepare, 4 + bytes);
  out.write(statement, out.writeInt32BE(bytes, at));
  return out;
}

/** A question that any server answers at once. */
export function optionsFrame(stream: number): Buffer {
  const out = Buffer.alloc(HEADER_BYTES);
  header(out, 0, stream, OPCODE.options, 0);
  return out;
}

/** Cuts a stream of bytes into the answers in it. */
export class Answers {
  #rest: Buffer = Buffer.alloc(0);

  /** The answers that are complete with `chunk`. Their bodies are only good until the next call. */
  *take(chunk: Buffer): Generator<Answer> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + bytes.readInt32BE(at + 5);
      if (end > bytes.length) break;
      const body = bytes.subarray(at + HEADER_BYTES, end);
      yield { stream: bytes.readInt16BE(at + 2), opcode: bytes[at + 4]!, flags: bytes[at + 1]!, body };
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }
}

/** What the answer says is wrong, as the driver's own error; `undefined` where nothing is. */
export function errorOf({ opcode, flags, body }: Answer): errors.ResponseError | undefined {
  if (opcode !== OPCODE.error) return undefined;
  const at = flags & WARNED ? skipStrings(body) : 0;
  const length = body.readUInt16BE(at + 4);
  return new errors.ResponseError(body.readInt32BE(at), body.toString("utf8", at + 6, at + 6 + length));
}

/** Whether the server has forgotten the statement. */
export function isUnprepared(error: errors.ResponseError): boolean {
  return error.code === UNPREPARED;
}

/** The id of the statement that was prepared. */
export function preparedId({ opcode, flags, body }: Answer): Buffer {
  const at = flags & WARNED ? skipStrings(body) : 0;
  if (opcode !== OPCODE.result || body.readInt32BE(at) !== PREPARED_KIND) {
    throw new Error(`Cassandra answered PREPARE with ${opcode}`);
  }
  const length = body.readUInt16BE(at + 4);
  return Buffer.from(body.subarray(at + 6, at + 6 + length));
}

/** Where a list of strings at the beginning ends. */
function skipStrings(body: Buffer): number {
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) at += 2 + body.readUInt16BE(at);
  return at;
}

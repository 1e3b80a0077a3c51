/**
 * Records in a file's bytes, whatever form they have: lines of JSON, or one document. A line or a document is a
 * record, an array of them, or a recorded answer of the API.
 */
import { messageOf, UserpipeError } from "../errors.ts";
import type { Pipeline } from "../pipeline.ts";
import { joined } from "./bytes.ts";
import { KEPT_BYTES, type Line, linesOf } from "./file_input.ts";
import { tooMuchJson } from "./json_shape.ts";
import { oneLine, sizeText } from "./wording.ts";

/** A line or a document with records in it. `size` is in bytes, here as there. */
interface Good {
  size: number;
  records: unknown[];
}

/** A line without any. `problem` goes on behind "it is". */
interface Bad {
  size: number;
  bytes: Uint8Array;
  line: number;
  problem: string;
}

export type Found = Good | Bad;

export interface Format {
  pipeline: Pipeline;
  /** For messages: `"users.json"`, `Standard input`. */
  name: string;
  /** The most that is held at once: a line, or a whole document. */
  maxBytes: number;
}

/** How many lines may come before the first one with JSON, before the whole is taken for something else. */
const UNPROVEN_LINES = 1_000;
/** Of a line or a document: 64 MiB of records have half as many. */
const MAX_VALUES = 5_000_000;
const HINT = "Give it records in JSON: one a line, an array of them, or recorded answers of the API";

type Parsed = { value: object } | { problem: string };

/**
 * The records in order, by line or all at once.
 * @throws {UserpipeError} `input` where nothing in it is JSON, or one document is larger than `maxBytes`
 */
export async function* recordsIn(chunks: AsyncGenerator<Uint8Array>, format: Format): AsyncGenerator<Found[]> {
  const { name, maxBytes, pipeline } = format;
  const head: Uint8Array[] = [];
  const first = await firstLine(chunks, head, maxBytes);
  if (first === "") throw new UserpipeError("input", `${name} is empty`, HINT);
  if (isUtf16(head[0])) throw new UserpipeError("input", `${name} is UTF-16, not UTF-8`, "Save it as UTF-8");
  if (!/^[[{]/.test(first) || "value" in parsedText(first)) {
    yield* byLine(again(head, chunks), format);
    return;
  }
  const whole = await gather(chunks, head, maxBytes);
  const document: Parsed = whole
    ? parsed(joined(head))
    : { problem: `one JSON document larger than ${sizeText(maxBytes)}` };
  if ("value" in document) {
    yield [{ size: sizeOf(head), records: recordsOf(document.value, pipeline) }];
    return;
  }
  const error = new UserpipeError(
    "input",
    `${name} is ${document.problem}`,
    whole ? HINT : "Write it with one record a line",
  );
  // A line with nothing but a bracket begins a document; any other may be the one bad line of many.
  if (first.length === 1) throw error;
  yield* byLine(again(head, chunks), format, error);
}

/** Line by line. While none has shown that this is JSON they are held back: `error`, or the first line's, may come. */
async function* byLine(
  chunks: AsyncIterable<Uint8Array>,
  format: Format,
  error?: UserpipeError,
): AsyncGenerator<Found[]> {
  let held: Bad[] | undefined = [];
  for await (const lines of linesOf(chunks, format.maxBytes)) {
    const found = lines.filter(({ bytes }) => !isBlank(bytes)).map((line) => foundIn(line, format));
    if (held === undefined || found.some(isGood)) {
      yield held === undefined ? found : [...held, ...found];
      held = undefined;
      continue;
    }
    held = held.concat(found as Bad[]);
    if (held.length > UNPROVEN_LINES || held.reduce((sum, { size }) => sum + size, 0) > format.maxBytes) break;
  }
  if (held === undefined) return;
  const [{ problem, line }] = held;
  throw error ?? new UserpipeError("input", `${format.name} is ${problem} (line ${line})`, HINT);
}

function isGood(found: Found): found is Good {
  return "records" in found;
}

function foundIn({ number, bytes, tooLong }: Line, { pipeline, maxBytes }: Format): Found {
  const line: Parsed = tooLong
    ? { problem: `longer than ${sizeText(maxBytes)}, of which the first ${sizeText(KEPT_BYTES)} are kept` }
    : parsed(bytes);
  if ("value" in line) return { size: bytes.length, records: recordsOf(line.value, pipeline) };
  // A copy, for the line is a view of a chunk that would be kept with it.
  return { size: bytes.length, bytes: bytes.slice(), line: number, problem: line.problem };
}

/** A record by itself, those of an array, and those of recorded answers, also in an array. */
function recordsOf(value: object, pipeline: Pipeline): unknown[] {
  const records: unknown[] = [];
  for (const one of Array.isArray(value) ? value : [value]) {
    const answer = pipeline.unwrap(one);
    if (!answer.ok) records.push(one);
    else for (const record of answer.value) records.push(record);
  }
  return records;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A byte order mark at its beginning is passed over: editors write it, and files that are joined have it inside. */
function parsed(bytes: Uint8Array): Parsed {
  const tooMuch = tooMuchJson(bytes, MAX_VALUES);
  if (tooMuch !== undefined) return { problem: `JSON with ${tooMuch}` };
  try {
    return parsedText(decoder.decode(bytes));
  } catch {
    return { problem: "not UTF-8" };
  }
}

function parsedText(text: string): Parsed {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { value };
    return { problem: `neither an object nor an array, but ${value === null ? "null" : `a ${typeof value}`}` };
  } catch (error) {
    return { problem: `not JSON: ${oneLine(messageOf(error))}` };
  }
}

/** Reads into `head` until the first line that is not blank is whole, and gives it trimmed; empty where there is none. */
async function firstLine(chunks: AsyncGenerator<Uint8Array>, head: Uint8Array[], maxBytes: number): Promise<string> {
  for (let size = 0; size <= maxBytes;) {
    const { value: chunk, done } = await chunks.next();
    if (done) break;
    head.push(chunk);
    size += chunk.length;
    if (chunk.indexOf(10) === -1) continue;
    const text = textOf(head);
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n")).trim();
  }
  return textOf(head).trim();
}

function textOf(head: readonly Uint8Array[]): string {
  return new TextDecoder().decode(joined(head)).trimStart();
}

/** Reads the rest into `head`; `false` where it is larger than `maxBytes`, and read only so far. */
async function gather(chunks: AsyncGenerator<Uint8Array>, head: Uint8Array[], maxBytes: number): Promise<boolean> {
  for (let size = sizeOf(head); size <= maxBytes;) {
    const { value: chunk, done } = await chunks.next();
    if (done) return true;
    head.push(chunk);
    size += chunk.length;
  }
  return false;
}

/** What was read ahead, then the rest. */
async function* again(head: Uint8Array[], chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let piece = head.shift(); piece !== undefined; piece = head.shift()) yield piece;
  yield* chunks;
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 32 || (byte >= 9 && byte <= 13));
}

function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

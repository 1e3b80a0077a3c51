/** The stream's check: messages of a batch to rows for the store, and those that are none to dead letters. */
import { Buffer } from "node:buffer";
import type { Delivered } from "../broker/broker.ts";
import { Packer } from "../packed.ts";
import type { Pipeline, Row } from "../pipeline.ts";
import { type Scan, scannerOf } from "../scan.ts";
import { payloadStart, schemaIdOf } from "../wire_format.ts";
import { type DeadLetter, deadLetterOf } from "./dead_letters.ts";

/** A timestamp further ahead than this, in ms, would keep every later copy of its row out (I4). */
const MOST_AHEAD_MS = 86_400_000;
/** The last time that a date can have, in ms since the epoch. */
const LAST_DATE_MS = 8.64e15;

export interface Checked {
  rows: Row[];
  /** The message behind `rows[i]`, for when the store refuses it. */
  messages: Delivered[];
  refused: DeadLetter[];
  /** Records carried whose key was missing or is not the record's own. */
  oddKeys: number;
  /** Messages that were looked at; the others of the batch are left. */
  taken: number;
}

export interface CheckOptions {
  /** Holds the rows for as long as they are used. */
  packer?: Packer;
  /** Whether to end behind a message that was refused, told the rows and the refused ones so far. */
  enough?: (rows: number, refused: number) => boolean;
  /** Why values of a schema cannot be read, by its id. */
  badSchemas?: ReadonlyMap<number, string>;
}

/** @param now ms since the epoch */
export function checkMessages(
  pipeline: Pipeline,
  topic: string,
  delivered: readonly Delivered[],
  now: number,
  { packer = new Packer(pipeline.table.columns), enough = () => false, badSchemas }: CheckOptions = {},
): Checked {
  const checked: Checked = { rows: [], messages: [], refused: [], oddKeys: 0, taken: 0 };
  const scan = pipeline.plain ? scanOf(pipeline) : undefined;

  function accept(message: Delivered, row: Row, ownKey: boolean): void {
    checked.rows.push(row);
    checked.messages.push(message);
    if (!ownKey) checked.oddKeys++;
  }

  /** @returns whether that is enough */
  function refuse(message: Delivered, reason: string): boolean {
    checked.refused.push(deadLetterOf(topic, message, "stream", reason));
    return enough(checked.rows.length, checked.refused.length);
  }

  for (const message of delivered) {
    const { key, value } = message;
    checked.taken++;
    const problem = placeProblem(message, value, now) ?? (badSchemas && schemaProblem(value!, badSchemas));
    if (problem !== undefined) {
      if (refuse(message, problem)) break;
      continue;
    }
    const start = payloadStart(value!);
    const id = scan === undefined ? -1 : scan(value!, packer, start);
    if (id >= 0) {
      accept(message, packer.row(writeTimeOf(message)), hasKey(key, value!, id));
      continue;
    }
    const event = pipeline.decode(start === 0 ? value! : value!.subarray(start));
    if (event.ok) {
      const row = { values: pipeline.toValues(event.value), writeTime: writeTimeOf(message) };
      accept(message, row, sameText(key, pipeline.key(event.value)));
    } else if (refuse(message, event.reason)) {
      break;
    }
  }
  return checked;
}

const scans = new WeakMap<Pipeline, Scan>();

function scanOf(pipeline: Pipeline): Scan {
  let scan = scans.get(pipeline);
  if (scan === undefined) scans.set(pipeline, scan = scannerOf(pipeline.table.columns));
  return scan;
}

/** I4: record timestamp in ms × 1000 + offset mod 1000, in µs. */
export function writeTimeOf({ timestamp, offset }: Delivered): number {
  return timestamp * 1000 + Number(offset % 1000n);
}

/** @param value of the message: each time it is asked for it is made anew */
function placeProblem({ timestamp, unreadable }: Delivered, value: Uint8Array | null, now: number): string | undefined {
  if (unreadable !== undefined) return unreadable.reason;
  if (value === null) return "the value is null: deletes are not carried";
  if (timestamp < 0) return "the record has no timestamp";
  // Which time it is, the letter's header has: letters are counted by their reason.
  if (timestamp > LAST_DATE_MS) return "the timestamp is out of range";
  if (timestamp > now + MOST_AHEAD_MS) return "the timestamp is more than a day ahead";
}

function schemaProblem(value: Uint8Array, badSchemas: ReadonlyMap<number, string>): string | undefined {
  const id = schemaIdOf(value);
  return id === undefined ? undefined : badSchemas.get(id);
}

/** Whether `bytes` are the text in UTF-8: a key in question is compared, not decoded. */
function sameText(bytes: Uint8Array | null, text: string): boolean {
  if (bytes === null || bytes.length < text.length) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return Buffer.from(text).equals(bytes);
    if (bytes[i] !== unit) return false;
  }
  return bytes.length === text.length;
}

/** Whether `key` is the 36 characters of the id that begins at `at`. */
function hasKey(key: Uint8Array | null, value: Uint8Array, at: number): boolean {
  if (key === null || key.length !== 36) return false;
  for (let i = 0; i < 36; i++) if (key[i] !== value[at + i]) return false;
  return true;
}

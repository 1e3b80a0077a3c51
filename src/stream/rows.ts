/** The stream's check: messages of a batch to rows for the store, and those that are none to dead letters. */
import type { Delivered } from "../broker/broker.ts";
import type { Pipeline, Row } from "../pipeline.ts";
import { type DeadLetter, deadLetterOf } from "./dead_letters.ts";

/** A timestamp further ahead than this, in ms, would keep every later copy of its row out (I4). */
const MOST_AHEAD_MS = 86_400_000;

export interface Checked {
  rows: Row[];
  /** The message behind `rows[i]`, for when the store refuses it. */
  messages: Delivered[];
  refused: DeadLetter[];
  /** Records carried whose key was missing or is not the record's own. */
  oddKeys: number;
}

/** @param now ms since the epoch */
export function checkMessages(
  pipeline: Pipeline,
  topic: string,
  delivered: readonly Delivered[],
  now: number,
): Checked {
  const checked: Checked = { rows: [], messages: [], refused: [], oddKeys: 0 };
  for (const message of delivered) {
    const reason = placeProblem(message, now);
    const event = reason === undefined ? pipeline.decode(message.value!) : { ok: false as const, reason };
    if (event.ok) {
      checked.rows.push({ values: pipeline.toValues(event.value), writeTime: writeTimeOf(message) });
      checked.messages.push(message);
      if (!sameText(message.key, pipeline.key(event.value))) checked.oddKeys++;
    } else {
      checked.refused.push(deadLetterOf(topic, message, "stream", event.reason));
    }
  }
  return checked;
}

/** I4: record timestamp in ms × 1000 + offset mod 1000, in µs. */
export function writeTimeOf({ timestamp, offset }: Delivered): number {
  return timestamp * 1000 + Number(offset % 1000n);
}

function placeProblem({ value, timestamp }: Delivered, now: number): string | undefined {
  if (value === null) return "the value is null: deletes are not carried";
  if (timestamp < 0) return "the record has no timestamp";
  if (timestamp > now + MOST_AHEAD_MS) {
    return `the timestamp ${isoTime(timestamp)} is more than a day ahead`;
  }
}

/** ISO 8601, or the number where no date has it. */
function isoTime(timestamp: number): string {
  return timestamp <= 8.64e15 ? new Date(timestamp).toISOString() : String(timestamp);
}

/** Whether `bytes` are the characters of `text`, which is ASCII (a key in question is compared, not decoded). */
function sameText(bytes: Uint8Array | null, text: string): boolean {
  if (bytes === null || bytes.length !== text.length) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

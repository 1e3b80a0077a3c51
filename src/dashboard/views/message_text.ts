/** A message of the topic as JSON: its bytes as text that the page shows as such, cut to what one looks at. */
import type { Delivered } from "../../broker/broker.ts";
import type { Pipeline } from "../../pipeline.ts";
import { textOf } from "../../query/bytes.ts";
import { checkMessages } from "../../stream/rows.ts";
import { payloadOf, schemaIdOf, shownPayloadOf } from "../../wire_format.ts";
import type { Message } from "../page/types.ts";

/** Characters of a value in a list, and of one message alone. */
export const LISTED_CHARS = 300;
export const WHOLE_CHARS = 1_000_000;
/** Characters of a key or a header in a list, and alone; and how many headers there are. */
const SMALL_LISTED_CHARS = 200;
const SMALL_WHOLE_CHARS = 10_000;
const MOST_HEADERS = 100;
/** In a list the event of a larger value is left out. */
const LISTED_EVENT_BYTES = 4_096;

/** @param whole one message alone, not in a list */
export function messagesOf(
  delivered: readonly Delivered[],
  { pipeline, topic, whole }: { pipeline: Pipeline; topic: string; whole: boolean },
): Message[] {
  const refused = new Map(
    checkMessages(pipeline, topic, delivered, Date.now()).refused.map(({ message, reason }) => [message, reason]),
  );
  const [chars, smallChars] = whole ? [WHOLE_CHARS, SMALL_WHOLE_CHARS] : [LISTED_CHARS, SMALL_LISTED_CHARS];
  return delivered.map((message) => {
    const { partition, offset, timestamp, key, value } = message;
    const why = refused.get(message);
    return {
      partition,
      offset: String(offset),
      timestamp,
      key: key && shortText(key, smallChars),
      bytes: value?.length ?? 0,
      value: value === null ? "" : shortText(shownPayloadOf(value), chars),
      ...schemaOf(message),
      headers: headersOf(message, smallChars),
      ...why === undefined ? eventOf(value!, pipeline, whole) : { why },
    };
  });
}

/** By name, the first {@linkcode MOST_HEADERS}. */
export function headersOf({ headers }: Pick<Delivered, "headers">, chars = SMALL_WHOLE_CHARS): [string, string][] {
  return Object.entries(headers).slice(0, MOST_HEADERS).map(([name, bytes]) => [name, shortText(bytes, chars)]);
}

/** The text, or the bytes in hexadecimal where they are not UTF-8, up to so many characters. */
export function shortText(bytes: Uint8Array, chars: number): string {
  // No character takes more than three bytes for each of its UTF-16 units.
  const begin = bytes.length <= 3 * chars ? bytes : bytes.subarray(0, wholeCharacters(bytes, 3 * chars));
  const text = textOf(begin);
  if (text.length <= chars && begin.length === bytes.length) return text;
  const half = /[\ud800-\udbff]/.test(text.charAt(chars - 1));
  return `${text.slice(0, half ? chars - 1 : chars)}…`;
}

/** So many bytes at the most that no character is cut. */
function wholeCharacters(bytes: Uint8Array, most: number): number {
  let end = most;
  while (end > most - 3 && (bytes[end]! & 0xc0) === 0x80) end--;
  return end;
}

function schemaOf({ value, unreadable }: Delivered): Pick<Message, "schemaId"> {
  const schemaId = value === null || unreadable !== undefined ? undefined : schemaIdOf(value);
  return schemaId === undefined ? {} : { schemaId };
}

function eventOf(value: Uint8Array, pipeline: Pipeline, whole: boolean): Pick<Message, "event"> {
  if (!whole && value.length > LISTED_EVENT_BYTES) return {};
  const decoded = pipeline.decode(payloadOf(value));
  return decoded.ok ? { event: decoded.value as Record<string, unknown> } : {};
}

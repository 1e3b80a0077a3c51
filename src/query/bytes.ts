/** Bytes and times of messages as people and JSON can have them. */
import { shownPayloadOf } from "../wire_format.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text, or the bytes in hexadecimal where they are not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }
}

/** JSON as what it is, without the schema id before it; other text as a text, other bytes in hexadecimal. */
export function valueOf(bytes: Uint8Array): unknown {
  const text = textOf(shownPayloadOf(bytes));
  try {
    const value = JSON.parse(text);
    // What is nested too deeply is read and cannot be written out again.
    JSON.stringify(value);
    return value;
  } catch {
    return text;
  }
}

/** Every header as a text. */
export function headersOf(headers: Record<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, textOf(bytes)]));
}

/** ms since the epoch as ISO 8601, or the number where no date has it. */
export function timeOf(timestamp: number): string | number {
  return timestamp < 0 || timestamp > 8.64e15 ? timestamp : new Date(timestamp).toISOString();
}

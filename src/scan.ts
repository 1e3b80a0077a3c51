/**
 * The fast way to read a value of the topic: a JSON object that holds the table's columns in their order as plain
 * strings, which is how events are written, goes straight into packed cells. Anything else is left to the full check.
 */
import { type Packer, packUuid } from "./packed.ts";
import type { Column } from "./pipeline.ts";

/**
 * Packs the value's cells.
 * @param start where its JSON begins
 * @returns where the text of the first column begins in `value`; -1, with nothing packed, where the value is for the
 * full check, which alone says whether and why it is refused
 */
export type Scan = (value: Uint8Array, into: Packer, start?: number) => number;

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const END_BRACE = 0x7d;

/**
 * The scan of events that are an object of `columns`, where any text is a valid one and a UUID is written in lower
 * case. It takes nothing that the full check would refuse or change.
 */
export function scannerOf(columns: readonly Column[]): Scan {
  const names = columns.map(({ name }) => new TextEncoder().encode(JSON.stringify(name)));
  const last = columns.length - 1;

  return (value, into, start = 0) => {
    into.begin(value.length);
    const { block } = into;
    let at = into.at;
    let p = start;
    let first = -1;
    if (value[p++] !== BRACE) return -1;
    for (let n = 0; n <= last; n++) {
      p = skipName(value, p, names[n]!);
      if (p < 0) return -1;
      if (first < 0) first = p;
      const cell = at + 4;
      let end = cell;
      if (columns[n]!.type === "uuid") {
        if (!isLower(value, p) || !packUuid(value, p, block, cell)) return -1;
        p += 36;
        end += 16;
      } else {
        for (let byte = value[p]!; byte !== QUOTE; byte = value[p]!) {
          // Past the end `byte` is undefined, and no sequence of UTF-8 begins there.
          if (byte < 0x80) {
            if (byte < SPACE || byte === BACKSLASH) return -1;
            block[end++] = byte;
            p++;
          } else {
            const length = sequenceAt(value, p);
            if (length === 0) return -1;
            for (const to = p + length; p < to; p++) block[end++] = value[p]!;
          }
        }
      }
      if (value[p++] !== QUOTE) return -1;
      const length = end - cell;
      block[at] = length >>> 24;
      block[at + 1] = length >>> 16;
      block[at + 2] = length >>> 8;
      block[at + 3] = length;
      at = end;
      while (value[p] === SPACE) p++;
      if (value[p++] !== (n === last ? END_BRACE : COMMA)) return -1;
    }
    while (value[p] === SPACE) p++;
    if (p !== value.length) return -1;
    into.at = at;
    return first;
  };
}

/** Where the text behind `"name": "` begins, or -1. */
function skipName(value: Uint8Array, at: number, name: Uint8Array): number {
  let p = at;
  while (value[p] === SPACE) p++;
  for (let i = 0; i < name.length; i++) if (value[p++] !== name[i]) return -1;
  while (value[p] === SPACE) p++;
  if (value[p++] !== COLON) return -1;
  while (value[p] === SPACE) p++;
  return value[p] === QUOTE ? p + 1 : -1;
}

function isLower(value: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 36; i++) if (value[i]! >= 0x41 && value[i]! <= 0x5a) return false;
  return true;
}

/** The length of the well-formed UTF-8 sequence of 2 to 4 bytes at `p` (table 3-7 of the Unicode standard), or 0. */
function sequenceAt(value: Uint8Array, p: number): number {
  const lead = value[p]!;
  const next = value[p + 1]!;
  if (lead >= 0xc2 && lead <= 0xdf) return isTail(next) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const low = lead === 0xe0 ? 0xa0 : 0x80;
    const high = lead === 0xed ? 0x9f : 0xbf;
    return next >= low && next <= high && isTail(value[p + 2]!) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const low = lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xf4 ? 0x8f : 0xbf;
    return next >= low && next <= high && isTail(value[p + 2]!) && isTail(value[p + 3]!) ? 4 : 0;
  }
  return 0;
}

function isTail(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}

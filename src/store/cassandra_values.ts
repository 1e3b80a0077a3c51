/** What comes out of the driver, in plain values: cells of our own columns, and anything that a SELECT may give. */
import { types } from "cassandra-driver";
import { Buffer } from "node:buffer";
import type { Value } from "../pipeline.ts";

/** A cell of one of our own columns. */
export function valueOf(value: unknown): Value {
  if (value === null || typeof value === "string") return value;
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : String(value);
}

/**
 * A value of any CQL type as JSON and a table can show it: integers as numbers where they are exact and as bigint where
 * they are not, times in ISO 8601, blobs as `0x…`, collections as arrays and objects.
 */
export function printable(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return value;
  if (value instanceof types.Long || value instanceof types.Integer) return integer(value.toString());
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (Buffer.isBuffer(value)) return `0x${value.toString("hex")}`;
  if (value instanceof types.Tuple) return value.values().map(printable);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [key, printable(each)]));
  if (isIterable(value)) return Array.from(value, printable);
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, printable(each)]));
}

/** About how many bytes the page's values take. */
export function pageBytes({ rows }: types.ResultSet): number {
  let bytes = 1;
  for (const row of rows) {
    for (const value of row.values()) bytes += sizeOf(value);
  }
  return bytes;
}

function sizeOf(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (value === null || typeof value !== "object" || value instanceof types.Uuid) return 16;
  return isIterable(value) ? Array.from(value, sizeOf).reduce((sum, each) => sum + each, 16) : 16;
}

function integer(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value;
}

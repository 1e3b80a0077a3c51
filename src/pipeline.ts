/**
 * All that the generic folders know of a domain: the shape of its records at each stage, its topic and
 * its table. A domain is a folder beside `users/` that makes one of these, and a line in `pipelines.ts`.
 */

import type { Buffer } from "node:buffer";

/** A value, or why there is none. The reason is one line that a person can act on. */
export type Result<T> = { ok: true; value: T } | { ok: false; reason: string };

/** The types that a column may have, by CQL's names. The primary key is a `uuid` or a `text`. */
export type ColumnType = "uuid" | "text" | "double" | "timestamp";

export interface Column {
  name: string;
  type: ColumnType;
}

/**
 * A cell, of every type as a text, and each value as one text alone, so that equal cells are equal texts: a `double` as JavaScript
 * writes the number (`21.5`), a `timestamp` in UTC to the ms (`2026-01-31T12:00:00.000Z`). `null` is written as null, in both stores.
 */
export type Value = string | null;

/** One row for the store: the whole of it, in the order of `Table.columns`. */
export interface Row {
  readonly values: readonly Value[];
  /** Microseconds since the epoch: record timestamp in ms × 1000 + offset mod 1000 (I4). */
  readonly writeTime: number;
  /** The same row as bytes, where it was read so: no value needs to be made then. */
  readonly packed?: Packed;
}

/** A row whose cells are `bytes` from `start` to `end`, as `packed.ts` writes them. */
export interface Packed {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** As of {@linkcode Row}. */
  readonly writeTime: number;
}

export interface Table {
  keyspace: string;
  name: string;
  /** The first is the primary key. */
  columns: readonly Column[];
}

/** What is asked of an HTTP source. */
export interface RequestOptions {
  /** Base address; the pipeline's own default where it is left out. */
  url?: string;
  /** Records wanted in this page. */
  results: number;
  /** From 1. */
  page: number;
  /** With the same seed, page and results the source gives the same records again. */
  seed: string;
  /** Nationalities, as the API takes them. */
  nat?: string;
}

/** A way to group events for charts: the facet's name and the value of one event in it. */
export interface Facet<Event> {
  name: string;
  of(event: Event): string;
}

/**
 * One domain. `Raw` is a checked record of the source, `Event` what is on the topic.
 * Nothing here does I/O, and none of it throws on a bad record: that is a `Result` with a reason.
 */
export interface Pipeline<Raw = unknown, Event = unknown> {
  readonly name: string;
  /** What one record is of, for messages: `user`. Of several it has an `s`. */
  readonly noun: string;
  /** The default topic. */
  readonly topic: string;
  /** The default keyspace and table. */
  readonly table: Table;
  /** The columns that fit a terminal's width and tell rows apart. */
  readonly glance: readonly string[];
  /** The most records that the source gives in one answer. */
  readonly maxResults: number;
  /** How many records the host of its own address lets one address fetch in how long, where it has such a limit. */
  readonly quota?: { records: number; windowMs: number };
  /** Version of the event's schema, carried in the header `userpipe-schema`. */
  readonly schemaVersion: string;
  /** The event's JSON Schema, for a schema registry; a pipeline without one goes without a registry. */
  jsonSchema?(): Record<string, unknown>;
  /** The address of one page. */
  request(options: RequestOptions): URL;
  /** The records in an answer's JSON body, or why it holds none. */
  unwrap(body: unknown): Result<unknown[]>;
  /** The seed that an answer says it is of, where it says one. */
  seedOf?(body: unknown): string | undefined;
  /** Checks one record of the source. */
  check(raw: unknown): Result<Raw>;
  normalise(raw: Raw): Event;
  /** `count` records in the source's shape, of those of a seed the ones from `from` (0) on; the same each time. */
  generate(seed: string, count: number, from?: number): Iterable<unknown>;
  /** The message key. */
  key(event: Event): string;
  /** UTF-8 JSON; what a schema registry wants before it is no matter of the domain. */
  encode(event: Event): Uint8Array;
  /** Reads and checks what is on the topic, ours or the stack's that people leave. */
  decode(value: Uint8Array): Result<Event>;
  /** The cells in the order of `table.columns`. */
  toValues(event: Event): Value[];
  /**
   * Whether an event is written as an object of the table's columns in their order, all of them `text` or `uuid`, any text is
   * valid but in the UUIDs, and the key is the first column, a UUID: the stream then reads most values without {@linkcode decode}.
   */
  readonly plain: boolean;
  readonly facets: readonly Facet<Event>[];
}

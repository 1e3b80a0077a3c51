/** The source port: pages of unchecked records, at the start of ingest. */
import type { Check } from "../errors.ts";

/** Gives the same each time that it is gone through. */
export interface Records extends Iterable<unknown> {
  readonly length: number;
}

/** Records as they came, before any check. */
export interface Page {
  records: Records;
  /** Places in the input that hold no record: bytes that are not JSON, and why. */
  unreadable: { bytes: Uint8Array; reason: string }[];
  /** From 1; the API's page, or a count of the pages of a file. */
  number: number;
  /** The API's seed, where it has one. */
  seed?: string;
  /** When it came, in ms since the epoch. */
  fetchedAt: number;
  /** Size of what was read, in bytes. */
  bytes: number;
}

export interface Source {
  /** For messages: `https://randomuser.me`, `users.json`, `the generator`. */
  readonly name: string;
  check(): Promise<Check>;
  /**
   * The pages in order, each fetched when it is asked for.
   * @throws {UserpipeError} `source-unreachable`, `source-answer`, `input`
   */
  pages(signal?: AbortSignal): AsyncIterable<Page>;
  /** What stands in the way of the page that is asked for now, in a clause, and what to do; undefined where nothing does. */
  trouble?(): { what: string; hint?: string } | undefined;
  close(): Promise<void>;
}

/** What a source asks before each request, where its server lets an address fetch only so much in some time. */
export interface SourceQuota {
  /** Asked once, before anything is requested. @throws {UserpipeError} `settings` where so many never may be asked for at once */
  fits(api: string, records: number): void;
  /**
   * Resolves once `records` may be asked for, or `signal` is aborted.
   * @param api whose it is: the origin of its address
   * @throws {UserpipeError} `settings` where so many never may at once
   */
  take(api: string, records: number, signal: AbortSignal): Promise<void>;
  /**
   * The server takes no more for now.
   * @param afterMs how long it asks to wait; 0 where it does not say
   * @param backoffMs how long it would be left alone for a failure of another kind
   * @returns whether `take` holds back until then, so that no other wait is needed
   */
  refused(api: string, afterMs: number, backoffMs: number): Promise<boolean>;
}

/** What one run of ingest reads, as settled before it begins. */
export interface SourceRequest {
  kind: "http" | "file" | "generated";
  /** For `http` and `generated`: with the same seed they give the same records. */
  seed: string;
  /** For `http`: the first page, from 1. */
  page: number;
  /** Records wanted, of `http` and `generated`. */
  count: number;
}

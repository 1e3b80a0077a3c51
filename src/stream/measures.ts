/**
 * What a stream measures of its batches, in the thread that carries them: how long the store takes, how large they are, and how
 * old their records get on the way. Nothing happens once a row: of a batch one record is looked at.
 */
import type { Delivered } from "../broker/broker.ts";
import { Durations, type Tally } from "../durations.ts";

/** What was measured since it was taken last. All times in ms. */
export interface Measured {
  /** Batches of which rows were stored, and how many rows those had. */
  batches: number;
  rows: number;
  /** Records that became dead letters because the store refused their rows. */
  refusedByStore: number;
  /** Of each call of the store's `write`. */
  writeMs: Tally;
  /** From the header `userpipe-fetched` to the record's timestamp. */
  fetchedToPublishedMs: Tally;
  /** From the record's timestamp to when its batch was stored. */
  publishedToTableMs: Tally;
}

/** Where ingest says when a record was fetched. */
const FETCHED = "userpipe-fetched";
/** A longer one is no time in ms. */
const LONGEST_TIME = 16;

const decoder = new TextDecoder();

export class Measures {
  #batches = 0;
  #rows = 0;
  #refusedByStore = 0;
  readonly #writeMs = new Durations();
  readonly #fetchedToPublishedMs = new Durations();
  readonly #publishedToTableMs = new Durations();

  /** A call of the store's `write` took so long. */
  wrote(ms: number): void {
    this.#writeMs.add(ms);
  }

  /**
   * A batch is stored.
   * @param messages those behind its rows
   * @param refused how many of the rows the store refused
   * @param now in ms since the epoch
   */
  stored(messages: readonly Delivered[], refused: number, now = Date.now()): void {
    const [sample] = messages;
    if (sample === undefined) return;
    this.#batches++;
    this.#rows += messages.length - refused;
    const { timestamp, headers } = sample;
    this.#publishedToTableMs.add(now - timestamp);
    const fetched = timeIn(headers[FETCHED]);
    if (fetched !== undefined) this.#fetchedToPublishedMs.add(timestamp - fetched);
  }

  /** So many of the records that count as refused are the store's doing. */
  refusedByStore(records: number): void {
    this.#refusedByStore += records;
  }

  /** What is new since the call before. */
  take(): Measured {
    const measured = {
      batches: this.#batches,
      rows: this.#rows,
      refusedByStore: this.#refusedByStore,
      writeMs: this.#writeMs.take(),
      fetchedToPublishedMs: this.#fetchedToPublishedMs.take(),
      publishedToTableMs: this.#publishedToTableMs.take(),
    };
    this.#batches = this.#rows = this.#refusedByStore = 0;
    return measured;
  }
}

/** The time that a header has; undefined where it has none. */
function timeIn(header: Uint8Array | undefined): number | undefined {
  if (header === undefined || header.length > LONGEST_TIME) return undefined;
  const text = decoder.decode(header);
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

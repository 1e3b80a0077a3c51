/**
 * Rows into the store until the fate of each is known: what may not have been written is written again,
 * after a wait, for as long as it takes (I5); what the store will never take comes back refused.
 */
import { sleep, waitMs } from "../backoff.ts";
import type { UserpipeError } from "../errors.ts";
import type { Row } from "../pipeline.ts";
import type { Store, WriteResult } from "../store/store.ts";
import { Measures } from "./measures.ts";
import { Outage } from "./outage.ts";

const BACKOFF = { firstMs: 100, maxMs: 10_000 };

/** Writes under way at once fail and succeed in turn while a store goes away or comes back. */
const SETTLE_MS = 2_000;

/** So often a row may fail by itself while others are written, before it is refused. */
const MOST_STRIKES = 5;

/** A row that the store refuses by itself. */
export interface RefusedRow {
  index: number;
  reason: string;
}

/** Writes to one store; several calls may be under way at once. */
export class Writer {
  readonly outage: Outage;
  #store: Store;
  #signal: AbortSignal;
  readonly #measures: Measures;
  /** Rows written by all calls: whether the store is well while one row is not. */
  #written = 0;

  /**
   * @param signal gives up the waiting: a `write` that is under way then throws the error it waits out
   * @param measures is told how long the store took
   */
  constructor(store: Store, signal: AbortSignal, measures = new Measures()) {
    this.#store = store;
    this.#signal = signal;
    this.#measures = measures;
    this.outage = new Outage(store.name, SETTLE_MS);
  }

  /**
   * Resolves once every row is stored or refused.
   * @throws {UserpipeError} what waiting cannot cure, and what it can once the signal is aborted
   */
  async write(rows: readonly Row[]): Promise<RefusedRow[]> {
    if (rows.length === 0) return [];
    const { refused, unwritten } = await this.#attempt(rows);
    if (unwritten.length > 0) refused.push(...await this.#again(rows, unwritten));
    return refused;
  }

  async #attempt(rows: readonly Row[]): Promise<WriteResult> {
    const began = performance.now();
    const result = await this.#store.write(rows);
    this.#measures.wrote(performance.now() - began);
    const written = rows.length - result.refused.length - result.unwritten.length;
    this.#written += written;
    if (result.unwritten.length === 0) this.outage.over();
    return result;
  }

  async #again(rows: readonly Row[], first: WriteResult["unwritten"]): Promise<RefusedRow[]> {
    const refused: RefusedRow[] = [];
    let waiting = first;
    for (let attempt = 1; waiting.length > 0; attempt++) {
      const { error } = waiting[0]!;
      if (this.#signal.aborted) throw error;
      this.outage.begin(error);
      await sleep(waitMs(BACKOFF, attempt), this.#signal);
      const indexes = waiting.map(({ index }) => index);
      const result = await this.#attempt(indexes.map((index) => rows[index]!));
      refused.push(...result.refused.map(({ index, reason }) => ({ index: indexes[index]!, reason })));
      waiting = result.unwritten.map(({ index, error }) => ({ index: indexes[index]!, error }));
      if (waiting.length === 1 && waiting[0]!.error.code === "store-busy") {
        refused.push(...await this.#alone(rows, waiting[0]!));
        waiting = [];
      }
    }
    return refused;
  }

  /**
   * One row that times out or overloads the store. I3: when that happened five times while others were
   * written, it is the row and not the store, and it does not hold up those behind it.
   */
  async #alone(rows: readonly Row[], first: { index: number; error: UserpipeError }): Promise<RefusedRow[]> {
    const { index } = first;
    let { error } = first;
    let strikes = 1;
    for (let attempt = 1;; attempt++) {
      const before = this.#written;
      if (this.#signal.aborted) throw error;
      await sleep(waitMs(BACKOFF, attempt), this.#signal);
      const { refused, unwritten } = await this.#attempt([rows[index]!]);
      if (refused.length > 0) return [{ index, reason: refused[0]!.reason }];
      if (unwritten.length === 0) return [];
      error = unwritten[0]!.error;
      if (error.code === "store-busy" && this.#written > before) strikes++;
      if (strikes >= MOST_STRIKES) {
        return [{ index, reason: `failed ${strikes} times while others were written: ${error.message}` }];
      }
    }
  }
}

/**
 * The store port: one table of rows by primary key, at the end of the stream and behind every query.
 */
import type { Change, Check, Finding, UserpipeError } from "../errors.ts";
import type { Row, Value } from "../pipeline.ts";

/** What became of the rows of one `write`. A row in neither list is stored. */
export interface WriteResult {
  /** Rows that the store will never take, found alone, with its reason. */
  refused: { index: number; reason: string }[];
  /** I5: rows that may or may not be written (timeout, overload, lost connection): write them again. */
  unwritten: { index: number; error: UserpipeError }[];
}

/** A row as the store has it. */
export interface StoredRow {
  values: Value[];
  /** Microseconds since the epoch; 0 where every cell but the key is null and the store cannot tell. */
  writeTime: number;
}

export interface StoreInitOptions {
  /** Copies of a row; where it is left out, the smaller of 3 and the number of nodes. The embedded store has one. */
  replicationFactor?: number;
  /** Add columns that an existing table lacks. */
  migrate: boolean;
  dryRun: boolean;
}

/** A page of a SELECT: rows in the order of `columns`. */
export interface SelectPage {
  columns: string[];
  rows: unknown[][];
}

export interface Store {
  /** For messages: `Cassandra at 127.0.0.1:9042`, `the embedded store in ./userpipe-data`. */
  readonly name: string;
  /** Rows under way over all calls of `write` that keep it busy: more of them only take memory. */
  readonly appetite: number;
  check(): Promise<Check>;
  /**
   * What works and what does not, in the order of the way to it, as it is found; changes nothing. Ends behind what
   * makes the rest pointless. Throws nothing for a store that is away.
   */
  diagnose(options: Pick<StoreInitOptions, "replicationFactor">): AsyncIterable<Finding>;
  /**
   * Makes keyspace and table where they are not there, and says what was.
   * @throws {UserpipeError} `table-differs` with the difference, where `migrate` is off or cannot mend it
   */
  init(options: StoreInitOptions): Promise<Change[]>;
  /**
   * Writes whole rows (I4: with their write time, so that an old copy never wins and writing again changes
   * nothing). Forms its own batches, with a bounded number under way over all calls. Resolves when the
   * fate of every row is known.
   * @throws {UserpipeError} what waiting cannot cure: `store-missing`, `not-authorised`
   */
  write(rows: readonly Row[]): Promise<WriteResult>;
  /** Rows in the table. `onProgress` is told the share that is counted, from 0 to 1. */
  count(onProgress?: (share: number, rows: number) => void): Promise<number>;
  /** Every row in pages, in no particular order; stops fetching when the reader stops. */
  scan(columns: readonly string[], onProgress?: (share: number, rows: number) => void): AsyncIterable<Value[][]>;
  /** The rows of these primary keys, in no particular order; one that is not there is left out. */
  get(keys: readonly string[]): Promise<StoredRow[]>;
  /**
   * Any one SELECT, and nothing else.
   * @throws {UserpipeError} `query` with what is wrong with the statement
   */
  select(statement: string): AsyncIterable<SelectPage>;
  /** What the servers settle where no setting does. @throws {UserpipeError} where they cannot be asked */
  said(): Promise<StoreSaid>;
  close(): Promise<void>;
}

export interface StoreSaid {
  /** That of the first contact point. */
  dataCenter?: string;
  /** The size up to which a batch makes no warning. */
  batchBytes?: number;
}

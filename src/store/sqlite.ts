/**
 * The embedded store: the store port on one SQLite file a keyspace, `keyspace-<keyspace>.db` in the data
 * folder. Two processes may use it at once; only `init` makes it.
 */
import type { Change, Check, Finding } from "../errors.ts";
import type { Row, Table, Value } from "../pipeline.ts";
import { translate } from "../sqlite.ts";
import { checkFile, diagnoseFile } from "./sqlite_check.ts";
import { KeyspaceFile } from "./sqlite_file.ts";
import { count, get, scan } from "./sqlite_read.ts";
import { select } from "./sqlite_select.ts";
import { SqliteWriter, TRANSACTION_ROWS } from "./sqlite_write.ts";
import type { SelectPage, Store, StoredRow, StoreInitOptions, StoreSaid, WriteResult } from "./store.ts";

export interface SqliteStoreOptions {
  dataDir: string;
  table: Table;
  /** How long a row is seen after it was written; for ever where it is left out. */
  ttlSeconds?: number;
}

/** Opens nothing yet: the file is opened by the first call that needs it. */
export function openSqliteStore({ dataDir, table, ttlSeconds }: SqliteStoreOptions): Store {
  return new SqliteStore(`the embedded store in ${dataDir}`, new KeyspaceFile(dataDir, table), ttlSeconds);
}

type Progress = (share: number, rows: number) => void;

class SqliteStore implements Store {
  readonly name: string;
  readonly appetite = TRANSACTION_ROWS;
  #file: KeyspaceFile;
  #writer: SqliteWriter;

  constructor(name: string, file: KeyspaceFile, ttlSeconds: number | undefined) {
    this.name = name;
    this.#file = file;
    this.#writer = new SqliteWriter(file, ttlSeconds);
  }

  async check(): Promise<Check> {
    return checkFile(this.#file);
  }

  async *diagnose(): AsyncGenerator<Finding> {
    yield* diagnoseFile(this.#file);
  }

  async init(options: StoreInitOptions): Promise<Change[]> {
    return this.#attempt(() => this.#file.init(options));
  }

  async write(rows: readonly Row[]): Promise<WriteResult> {
    return this.#writer.write(rows);
  }

  count(onProgress?: Progress): Promise<number> {
    return this.#attempt(() => count(this.#file, onProgress));
  }

  async *scan(columns: readonly string[], onProgress?: Progress): AsyncGenerator<Value[][]> {
    try {
      yield* scan(this.#file, columns, onProgress);
    } catch (error) {
      throw translate(error, this.#file.path);
    }
  }

  get(keys: readonly string[]): Promise<StoredRow[]> {
    return this.#attempt(() => get(this.#file, keys));
  }

  async *select(statement: string): AsyncGenerator<SelectPage> {
    this.#file.ready();
    yield* select(this.#file.path, this.#file.table, statement);
  }

  async said(): Promise<StoreSaid> {
    return {};
  }

  async close(): Promise<void> {
    await this.#writer.idle();
    this.#file.close();
  }

  async #attempt<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw translate(error, this.#file.path);
    }
  }
}

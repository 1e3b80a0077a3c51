/** What the parts of the store's contract suite share: fresh tables, rows to write, and the shape of a test. */
import assert from "node:assert/strict";
import { type Code, UserpipeError } from "../../src/errors.ts";
import type { Column, Row, Table, Value } from "../../src/pipeline.ts";
import type { Store } from "../../src/store/store.ts";

/** Opens the store under test; what is left out of `table` is the factory's choice. */
export type OpenStore = (
  options?: { table?: Partial<Table>; ttlSeconds?: number },
) => Promise<{ store: Store; close(): Promise<void> }>;

export interface ContractOptions {
  /** Why the suite cannot run here; each test is then skipped and says so. */
  ignore?: string;
  /** Only the tests whose sentence is like this. */
  only?: RegExp;
  /** Keyspace of every table; `userpipe_contract` where it is left out. */
  keyspace?: string;
}

export const COLUMNS: readonly Column[] = [
  { name: "id", type: "uuid" },
  ...[
    "first_name",
    "last_name",
    "gender",
    "address",
    "post_code",
    "email",
    "username",
    "dob",
    "registered_date",
    "phone",
    "picture",
  ].map((name) => ({ name, type: "text" as const })),
];

/** One test's table, and stores opened on it. All of them are closed when the test ends. */
export interface Fixture {
  table: Table;
  /** The table as a statement names it: `keyspace.table`. */
  from: string;
  open(options?: { columns?: readonly Column[]; ttlSeconds?: number }): Promise<Store>;
  /** A store whose table is there. */
  ready(options?: { columns?: readonly Column[]; ttlSeconds?: number }): Promise<Store>;
}

/** Declares one test of the suite. */
export type Check = (title: string, body: (fixture: Fixture) => Promise<void>) => void;

export function checker(name: string, open: OpenStore, { ignore, only, keyspace }: ContractOptions): Check {
  return (title, body) => {
    if (only?.test(title) === false) return;
    Deno.test({
      name: `${name}: ${title}${ignore === undefined ? "" : ` (skipped: ${ignore})`}`,
      ignore: ignore !== undefined,
      fn: async () => {
        const closers: (() => Promise<void>)[] = [];
        try {
          await body(fixture(open, keyspace ?? "userpipe_contract", closers));
        } finally {
          for (const close of closers) await close();
        }
      },
    });
  };
}

function fixture(open: OpenStore, keyspace: string, closers: (() => Promise<void>)[]): Fixture {
  const name = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  const table = { keyspace, name, columns: COLUMNS };
  const opened: Fixture["open"] = async ({ columns = COLUMNS, ttlSeconds } = {}) => {
    const { store, close } = await open({ table: { ...table, columns }, ttlSeconds });
    closers.push(close);
    return store;
  };
  return {
    table,
    from: `${keyspace}.${name}`,
    open: opened,
    ready: async (options) => {
      const store = await opened(options);
      await store.init({ migrate: false, dryRun: false });
      return store;
    },
  };
}

/** Microseconds of a fixed moment: every write time of the suite stands around it. */
export const T = 1_700_000_000_000_000;

/** A whole row: cells by column name, and for the rest a text that names the column. */
export function row(id: string, cells: Record<string, Value> = {}, writeTime = T): Row {
  return {
    values: COLUMNS.map(({ name }) => name === "id" ? id : name in cells ? cells[name] : `a ${name}`),
    writeTime,
  };
}

export function rows(count: number, writeTime = T): Row[] {
  return Array.from({ length: count }, () => row(crypto.randomUUID(), {}, writeTime));
}

export const id = (row: Row): string => row.values[0]!;

/** Writes rows of which the store must take every one. */
export async function put(store: Store, ...rows: Row[]): Promise<void> {
  const { refused, unwritten } = await store.write(rows);
  // What differs is cut: node:assert compares two long arrays in memory that grows with their square.
  assert.deepEqual([...refused, ...unwritten].slice(0, 3), []);
}

/** Asserts that `row` is what the store has under its id. */
export async function has(store: Store, row: Row): Promise<void> {
  const [found] = await store.get([id(row)]);
  assert.deepEqual({ values: [...found.values], writeTime: found.writeTime }, row);
}

/** Every row of a SELECT, as JSON carries it. */
export async function selected(store: Store, statement: string): Promise<{ columns: string[]; rows: unknown[][] }> {
  const all = { columns: [] as string[], rows: [] as unknown[][] };
  for await (const page of store.select(statement)) {
    all.columns = page.columns;
    all.rows.push(...JSON.parse(JSON.stringify(page.rows)));
  }
  return all;
}

/** Asserts that `promise` is rejected with an operating error of this code, and gives it. */
export async function fails(code: Code, promise: Promise<unknown>): Promise<UserpipeError> {
  const error = await promise.then(() => undefined, (error: unknown) => error);
  assert(error instanceof UserpipeError, `expected ${code}, not ${error}`);
  assert.equal(error.code, code, error.message);
  assert(error.message !== "" && error.hint !== "");
  return error;
}

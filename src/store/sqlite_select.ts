/**
 * Any one SELECT on the embedded store: what people write for Cassandra is put as SQLite takes it, and run on
 * a connection of its own that can read the keyspace's file and do nothing else.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { messageOf, UserpipeError } from "../errors.ts";
import type { Table } from "../pipeline.ts";
import { BUSY_TIMEOUT_MS, translate } from "../sqlite.ts";
import { openReadOnly } from "../sqlite_read_only.ts";
import { isWord, selectTokens, type Token } from "./select.ts";
import { asArrays, Pages, turn } from "./sqlite_cells.ts";
import type { SelectPage } from "./store.ts";

/** Action codes of https://sqlite.org/c3ref/c_alter_table.html that a statement may do. Recursion is not among it: one without an end would hold the thread for ever. */
const [READ, SELECT, FUNCTION] = [20, 21, 31];
const [OK, DENY] = [0, 1];

/** @throws {UserpipeError} `query` with what is wrong with the statement, `data-folder` */
export async function* select(path: string, table: Table, statement: string): AsyncGenerator<SelectPage> {
  const sql = toSqlite(selectTokens(statement), table);
  const db = attempt(() => openReadOnly(path, BUSY_TIMEOUT_MS).db);
  try {
    restrict(db);
    const columns = attempt(() => db.prepare(sql)).columns().map(({ name }) => name ?? "");
    const pages = attempt(() => new Pages(prepare, wholeCells(sql, columns.length), columns.length));
    let page = attempt(() => pages.next());
    do {
      yield { columns, rows: page };
      await turn();
      page = attempt(() => pages.next());
    } while (page.length > 0);
  } finally {
    db.close();
  }

  function prepare(sql: string): StatementSync {
    const reading = asArrays(db.prepare(sql));
    reading.setReadBigInts(true);
    return reading;
  }

  function attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw wrong(error, path, table);
    }
  }
}

/** The largest cell of an answer, in bytes. The runtime takes no text of 512 MiB: it ends the process. */
const MOST_CELL_BYTES = 256 * 1024 * 1024;

/** What the runtime has, and the types that it brings do not. */
interface Restrictable {
  setAuthorizer(allow: (action: number) => number): void;
  limits: { length: number };
}

function restrict(db: DatabaseSync): void {
  const restrictable = db as DatabaseSync & Restrictable;
  restrictable.setAuthorizer((action) => action === READ || action === SELECT || action === FUNCTION ? OK : DENY);
  restrictable.limits.length = MOST_CELL_BYTES;
}

/** The tokens as SQLite takes them. @throws {UserpipeError} `query` for what only CQL has */
function toSqlite(tokens: Token[], table: Table): string {
  const words = tokens.filter(({ kind }) => kind !== "space");
  if (isWord(words[1], "JSON") && !/^([,.(]|from|as)$/i.test(words[2]?.text ?? ",")) {
    throw new UserpipeError(
      "query",
      `The embedded store has no "SELECT JSON"`,
      "Leave JSON out; --format json gives it",
    );
  }
  for (const { kind, text } of words) {
    if (kind === "symbol" && "?:@$".includes(text)) {
      throw new UserpipeError("query", `The statement has a "${text}" and no value for it`, "Write the value itself");
    }
  }
  const dropped = isWord(words.at(-1), "FILTERING") && isWord(words.at(-2), "ALLOW") ? words.slice(-2) : [];
  const qualifiers = words.filter((token, n) =>
    names(token, table.keyspace) && words[n + 1]?.text === "." && names(words[n + 2], table.name)
  );
  return tokens.filter((token) => !dropped.includes(token)).map((token) => {
    if (token.kind === "uuid") return `'${token.text.toLowerCase()}'`;
    if (token.kind === "dollar") return `'${token.text.slice(2, -2).replaceAll("'", "''")}'`;
    return qualifiers.includes(token) ? "main" : token.text;
  }).join("");
}

function names(token: Token | undefined, name: string): boolean {
  return isWord(token, name.toUpperCase()) || token?.kind === "name" && token.text === `"${name}"`;
}

/** The statement with a text that holds a NUL as a blob, since the driver would cut it there, and a blob as CQL shows it. */
function wholeCells(sql: string, columns: number): string {
  const names = Array.from({ length: columns }, (_, n) => `c${n}`);
  const cells = names.map((name) =>
    `CASE typeof(${name}) WHEN 'text' THEN CASE WHEN instr(${name}, char(0)) THEN CAST(${name} AS BLOB) ELSE ${name} END` +
    ` WHEN 'blob' THEN '0x' || lower(hex(${name})) ELSE ${name} END`
  );
  return `WITH q (${names.join(", ")}) AS (${sql}) SELECT ${cells.join(", ")} FROM q`;
}

const TOOBIG = 18;
/** SQLite's primary result codes that are about the statement: ERROR, TOOBIG, MISMATCH, AUTH, RANGE. */
const OF_STATEMENT = [1, TOOBIG, 20, 23, 25];

function wrong(error: unknown, path: string, table: Table): unknown {
  const { errcode } = error as { errcode?: number };
  if (errcode === undefined || !OF_STATEMENT.includes(errcode & 0xff)) return translate(error, path);
  const message = messageOf(error);
  const query = (what: string, hint: string) => new UserpipeError("query", what, hint, { cause: error });
  if ((errcode & 0xff) === TOOBIG) {
    const most = `${MOST_CELL_BYTES / 1024 / 1024} MiB`;
    return query(`The statement makes a value of more than ${most}`, "Ask for a part of it, with substr");
  }
  const name = `${table.keyspace}.${table.name}`;
  const [, thing, missing] = /^no such (function|table|column): "?(?:main\.)?(.*?)"?(?: - should .*)?$/.exec(message) ??
    [];
  switch (thing) {
    case "function":
      return query(
        `The embedded store has no function "${missing}"`,
        "It has those of https://sqlite.org/lang_corefunc.html",
      );
    case "table":
      return query(`The embedded store has no table "${missing}"`, `Its table is ${name}`);
    case "column":
      return query(`${name} has no column "${missing}"`, `It has ${table.columns.map(({ name }) => name).join(", ")}`);
  }
  if (/not authorized|prohibited/.test(message)) {
    return query("The statement does more than read the table", `Give one SELECT, without recursion, from ${name}`);
  }
  return query(
    `The embedded store cannot run the statement: ${message}`,
    "It takes https://sqlite.org/lang_select.html",
  );
}

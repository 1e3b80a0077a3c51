/**
 * The keyspace and the table: what is there, how it differs from what the pipeline has, and what makes it so.
 */
import type { types } from "cassandra-driver";
import { type Change, UserpipeError } from "../errors.ts";
import type { Column, Table } from "../pipeline.ts";
import type { Link } from "./cassandra_link.ts";
import { quoted, tableName } from "./cassandra_names.ts";
import type { StoreInitOptions } from "./store.ts";

/** Copies of a row where the ring has the nodes for them. */
const REPLICATION_FACTOR = 3;

const HINT_INIT = 'Make it with "userpipe init", or look at --keyspace and --table';
const HINT_MIGRATE = 'Add what is missing with "userpipe init --migrate"';
const HINT_OTHER = "Name another table with --table, or change this one by hand";

/**
 * @throws {UserpipeError} `table-differs` where `migrate` is off or cannot mend it, `store-busy` where the nodes do not agree,
 * `store-refused` where a keyspace would have more copies than its data centre has nodes
 */
export async function init(link: Link, table: Table, options: StoreInitOptions): Promise<Change[]> {
  return [await initKeyspace(link, table, options), await initTable(link, table, options)];
}

/**
 * Whether rows can be written into the table.
 * @throws {UserpipeError} `store-missing` without keyspace or table, `table-differs` with the difference
 */
export async function checkTable(link: Link, table: Table): Promise<void> {
  const columns = await columnsOf(link, table);
  if (columns.size === 0) throw await missing(link, table);
  const { lacking, wrong } = difference(table, columns);
  if (lacking.length + wrong.length > 0) throw differs(link, table, lacking, wrong);
}

/** The keyspace's copies in each data centre, or `undefined` where there is no such keyspace. */
export async function replicationOf(link: Link, keyspace: string): Promise<Record<string, string> | undefined> {
  const statement = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?";
  return (await link.execute("read", statement, [keyspace])).first()?.replication;
}

async function initKeyspace(link: Link, { keyspace }: Table, options: StoreInitOptions): Promise<Change> {
  const { dataCenter, nodes } = await link.local();
  const up = nodes.filter((node) => node.isUp()).length;
  const copies = options.replicationFactor ?? Math.min(REPLICATION_FACTOR, up);
  const replication = `{'class': 'NetworkTopologyStrategy', '${dataCenter.replaceAll("'", "''")}': ${copies}}`;
  const change = {
    what: `keyspace "${keyspace}"`,
    statement: `CREATE KEYSPACE IF NOT EXISTS ${quoted(keyspace)} WITH replication = ${replication}`,
  };
  const found = await replicationOf(link, keyspace);
  if (found !== undefined) return { ...change, state: "exists", detail: describe(found) };
  // Every write would ask for more copies than there can be.
  if (copies > nodes.length) throw tooManyCopies(link, keyspace, copies, dataCenter, nodes.length);
  const detail = describe({ class: "NetworkTopologyStrategy", [dataCenter]: String(copies) });
  return await make(link, { ...change, detail }, "made", options.dryRun);
}

function tooManyCopies(link: Link, keyspace: string, copies: number, dataCenter: string, nodes: number): UserpipeError {
  return new UserpipeError(
    "store-refused",
    `Cannot make the keyspace "${keyspace}" with ${copies} copies of each row: the data centre "${dataCenter}" of \
${link.name} has ${nodes} node${nodes === 1 ? "" : "s"}`,
    `Ask for at most ${nodes} with --replication-factor`,
  );
}

async function initTable(link: Link, table: Table, options: StoreInitOptions): Promise<Change> {
  const what = `table "${table.keyspace}.${table.name}"`;
  const columns = await columnsOf(link, table);
  const create = `CREATE TABLE IF NOT EXISTS ${tableName(table)} (${definitions(table)})`;
  if (columns.size === 0) {
    return await make(
      link,
      { what, statement: create, detail: `${table.columns.length} columns` },
      "made",
      options.dryRun,
    );
  }
  const { lacking, wrong } = difference(table, columns);
  if (wrong.length > 0 || (lacking.length > 0 && !options.migrate)) throw differs(link, table, lacking, wrong);
  if (lacking.length === 0) return { what, statement: create, state: "exists", detail: `${columns.size} columns` };
  const added = lacking.map(({ name, type }) => `${quoted(name)} ${type}`).join(", ");
  const statement = `ALTER TABLE ${tableName(table)} ADD ${lacking.length > 1 ? `(${added})` : added}`;
  return await make(link, { what, statement, detail: `added ${added}` }, "changed", options.dryRun);
}

async function make(
  link: Link,
  change: Omit<Change, "state">,
  done: "made" | "changed",
  dryRun: boolean,
): Promise<Change> {
  if (dryRun) return { ...change, state: done === "made" ? "would-make" : "would-change" };
  const { info } = await link.execute("schema", change.statement);
  if (!(info as { isSchemaInAgreement?: boolean }).isSchemaInAgreement) {
    const hint = 'Wait until all nodes are up or gone, then run "userpipe init" again';
    throw new UserpipeError("store-busy", `The nodes of ${link.name} do not agree on the ${change.what} yet`, hint);
  }
  return { ...change, state: done };
}

/** `kind` is `partition_key`, `clustering`, `static` or `regular`. */
interface Found {
  type: string;
  kind: string;
}

async function columnsOf(link: Link, { keyspace, name }: Table): Promise<Map<string, Found>> {
  const statement =
    "SELECT column_name, type, kind FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?";
  const { rows } = await link.execute("read", statement, [keyspace, name]);
  return new Map(rows.map((row: types.Row) => [row.column_name, { type: row.type, kind: row.kind }]));
}

/** The columns that can be added, and in words what cannot be mended. */
function difference(table: Table, found: Map<string, Found>): { lacking: Column[]; wrong: string[] } {
  const lacking = table.columns.slice(1).filter(({ name }) => !found.has(name));
  const key = table.columns[0];
  const keys = [...found].filter(([, { kind }]) => kind === "partition_key" || kind === "clustering");
  const wrong: string[] = [];
  if (keys.length !== 1 || keys[0][0] !== key.name) {
    const names = keys.map(([name]) => `"${name}"`).join(", ");
    wrong.push(`its primary key is ${names} and not "${key.name}"`);
  }
  for (const { name, type } of table.columns) {
    const column = found.get(name);
    if (column === undefined) continue;
    if (column.type !== type) wrong.push(`column "${name}" is ${column.type} and not ${type}`);
    else if (column.kind === "static") wrong.push(`column "${name}" is static`);
  }
  return { lacking, wrong };
}

function differs(link: Link, table: Table, lacking: readonly Column[], wrong: readonly string[]): UserpipeError {
  const what = [...lacking.map(({ name, type }) => `column "${name}" ${type} is missing`), ...wrong].join("; ");
  const message = `The table "${table.keyspace}.${table.name}" of ${link.name} differs: ${what}`;
  return new UserpipeError("table-differs", message, wrong.length > 0 ? HINT_OTHER : HINT_MIGRATE);
}

async function missing(link: Link, { keyspace, name }: Table): Promise<UserpipeError> {
  const found = await replicationOf(link, keyspace);
  const what = found === undefined ? `keyspace "${keyspace}"` : `table "${keyspace}.${name}"`;
  return new UserpipeError("store-missing", `${link.name} has no ${what}`, HINT_INIT);
}

function definitions({ columns }: Table): string {
  return columns.map(({ name, type }, i) => `${quoted(name)} ${type}${i === 0 ? " PRIMARY KEY" : ""}`).join(", ");
}

/** `NetworkTopologyStrategy, datacenter1: 3`. */
function describe({ class: strategy, ...copies }: Record<string, string>): string {
  const short = strategy.slice(strategy.lastIndexOf(".") + 1);
  return [short, ...Object.entries(copies).map(([where, count]) => `${where}: ${count}`)].join(", ");
}

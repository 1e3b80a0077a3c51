/** Names in CQL: written plainly where that is the same name, in quotes where it is not. */
import { UserpipeError } from "../errors.ts";
import type { Table } from "../pipeline.ts";

/** https://cassandra.apache.org/doc/latest/cassandra/reference/cql-commands/reserved-keywords.html */
const RESERVED = new Set(
  ("add allow alter and any apply asc authorize batch begin by columnfamily create default delete desc describe drop " +
    "each_quorum entries execute from full grant if in index infinity insert into is keyspace keyspaces limit local_one " +
    "local_quorum materialized mbean mbeans modify nan norecursive not null of on one or order partition password per " +
    "primary quorum rename replace revoke schema select set table three to token truncate two unlogged unset update use " +
    "using view where with").split(" "),
);

/** The name as it stands in a statement. */
export function quoted(name: string): string {
  return /^[a-z][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** `keyspace.table`. */
export function tableName({ keyspace, name }: Table): string {
  return `${quoted(keyspace)}.${quoted(name)}`;
}

/** All columns, with commas. */
export function columnList({ columns }: Table): string {
  return columns.map(({ name }) => quoted(name)).join(", ");
}

/** @throws {UserpipeError} `settings` unless Cassandra takes keyspace and table by these names */
export function checkNames({ keyspace, name }: Table): void {
  for (const [what, text] of [["keyspace", keyspace], ["table", name]]) {
    if (/^[A-Za-z0-9_]{1,48}$/.test(text)) continue;
    const hint = "Use letters, digits and underscores, 48 at the most";
    throw new UserpipeError("settings", `"${text}" cannot be the name of a ${what}`, hint);
  }
}

/** What `doctor` looks at in Cassandra: the way to it, its clock, then the keyspace, the table, and whether it can be read. */
import { errors, type Host, type types } from "cassandra-driver";
import { failed, type Finding, UserpipeError } from "../errors.ts";
import type { Table } from "../pipeline.ts";
import type { Link } from "./cassandra_link.ts";
import { quoted, tableName } from "./cassandra_names.ts";
import { checkTable, replicationOf } from "./cassandra_schema.ts";
import type { StoreInitOptions } from "./store.ts";

/** As Cassandra has it: `class`, and copies by data centre or as `replication_factor`. */
type Replication = Record<string, string>;

interface Ring {
  dataCenter: string;
  nodes: Pick<Host, "address" | "isUp">[];
}

export async function* diagnose(
  link: Link,
  table: Table,
  { replicationFactor }: Pick<StoreInitOptions, "replicationFactor">,
): AsyncGenerator<Finding> {
  let ring: Ring;
  try {
    ring = await link.local();
  } catch (error) {
    return yield noAnswer(error, link);
  }
  yield await connection(link, ring);
  yield await attempt("clock", () => time(link));
  let replication: Replication | undefined;
  try {
    replication = await replicationOf(link, table.keyspace);
  } catch (error) {
    return yield failed("keyspace", error);
  }
  if (replication === undefined) return yield missing(link, table, ring, replicationFactor);
  yield keyspace(table, ring, replication);
  const columns = await attempt("table", async () => {
    await checkTable(link, table);
    return { what: "table", state: "ok", detail: `${tableName(table)}, ${table.columns.length} columns` };
  });
  yield columns;
  if (columns.state === "ok") yield await attempt("reading", () => reading(link, table));
}

/** What `work` finds; its operating error is what was found. */
async function attempt(what: string, work: () => Promise<Finding>): Promise<Finding> {
  try {
    return await work();
  } catch (error) {
    return failed(what, error);
  }
}

/** Why there is no connection, address by address. */
function noAnswer(error: unknown, { name }: Link): Finding {
  const cause = error instanceof UserpipeError ? error.cause : undefined;
  const finding = failed("connection", error);
  if (!(cause instanceof errors.NoHostAvailableError)) return finding;
  const reasons = Object.entries(cause.innerErrors ?? {}).map(([address, why]) => `"${address}", ${wordsOf(why)}`);
  if (reasons.length > 0) return { ...finding, detail: `Cannot reach Cassandra at ${reasons.join(", and ")}` };
  if (!/resolved/.test(cause.message)) return { ...finding, detail: `Cannot reach ${name}, which does not answer` };
  const hint = "Look at --contact-points: a name of Docker's network is known to its containers only; from outside " +
    "name the published port, for example localhost:9042";
  return { what: "connection", state: "fail", detail: `Cannot reach ${name}, whose name does not resolve here`, hint };
}

function wordsOf(why: unknown): string {
  const { code, isSocketError, message } = why as { code?: string; isSocketError?: boolean; message?: string };
  if (code === "ECONNREFUSED") return "where nothing listens";
  if (why instanceof errors.OperationTimedOutError || /timed? ?out/i.test(message ?? "")) {
    return "which does not answer";
  }
  return isSocketError ? "which hangs up, as what is no Cassandra does" : `which says: ${message?.split("\n")[0]}`;
}

/** Exported for its test, which has no ring of several nodes. */
export async function connection(link: Pick<Link, "name" | "refusal">, { dataCenter, nodes }: Ring): Promise<Finding> {
  const down = nodes.filter((node) => !node.isUp());
  const up = nodes.length - down.length;
  const detail = `${link.name}, data centre "${dataCenter}": ${up} of ${nodes.length} nodes up`;
  if (down.length === 0) return { what: "connection", state: "ok", detail };
  const refusals = await Promise.all(down.map(({ address }) => link.refusal(address)));
  const named = down.map(({ address }, i) => refusals[i] === undefined ? address : `${address} (${refusals[i].why})`);
  return {
    what: "connection",
    state: "warn",
    detail: `${detail}; ${named.join(", ")} cannot be reached from here`,
    hint: refusals.find((refusal) => refusal !== undefined)?.hint ??
      "Start the nodes that are down; where one is up, set its broadcast_rpc_address to an address that can be reached " +
        "from here",
  };
}

async function time(link: Link): Promise<Finding> {
  const began = Date.now();
  const { rows: [row] } = await link.execute("read", "SELECT toUnixTimestamp(now()) AS ms FROM system.local");
  const ended = Date.now();
  const clock = {
    of: link.name,
    aheadMs: (began + ended) / 2 - Number((row as types.Row).ms),
    uncertainMs: (ended - began) / 2,
  };
  return { what: "answers", state: "ok", detail: `in ${ended - began} ms`, clock };
}

function missing({ name }: Link, { keyspace }: Table, { nodes }: Ring, wanted = 1): Finding {
  const what = `keyspace "${keyspace}"`;
  const detail = `${name} has no ${what}`;
  if (wanted <= nodes.length) {
    return { what, state: "fail", detail, hint: 'Make it with "userpipe init", or look at --keyspace' };
  }
  return {
    what,
    state: "fail",
    detail: `${detail}, and init would ask for ${wanted} copies of a row; it has ${count(nodes.length)}`,
    hint: `Make it with "userpipe init" and at most ${nodes.length} as --replication-factor`,
  };
}

function keyspace(table: Table, { dataCenter, nodes }: Ring, replication: Replication): Finding {
  const all = nodes.length;
  const what = `keyspace "${table.keyspace}"`;
  const simple = /SimpleStrategy$/.test(replication.class);
  // "3/1" is three copies, one of them transient.
  const copies = parseInt((simple ? replication.replication_factor : replication[dataCenter]) ?? "0");
  const mend = (copies: number) =>
    `ALTER KEYSPACE ${quoted(table.keyspace)} WITH replication = {'class': 'NetworkTopologyStrategy', \
'${dataCenter.replaceAll("'", "''")}': ${copies}}`;
  if (copies === 0) {
    const detail = `The ${what} has no copies in the data centre "${dataCenter}"`;
    return { what, state: "fail", detail, hint: `${mend(Math.min(3, all))}, or name another with --data-center` };
  }
  if (copies > all) {
    const detail = `The ${what} asks for ${copies} copies of a row, and the data centre "${dataCenter}" has ${
      count(all)
    }`;
    return { what, state: "fail", detail, hint: `Add nodes, or lower it: ${mend(all)}` };
  }
  if (!simple) return { what, state: "ok", detail: `replication ${copies}` };
  return {
    what,
    state: "warn",
    detail: `The ${what} is replicated by SimpleStrategy, which knows no data centres: a second one would break it`,
    hint: mend(copies),
  };
}

/** At the consistency that queries use: whether enough copies are up, and whether we may. */
async function reading(link: Link, table: Table): Promise<Finding> {
  await link.execute("read", `SELECT ${quoted(table.columns[0].name)} FROM ${tableName(table)} LIMIT 1`);
  return { what: "reading", state: "ok", detail: `${tableName(table)} can be read` };
}

function count(nodes: number): string {
  return `${nodes} node${nodes === 1 ? "" : "s"}`;
}

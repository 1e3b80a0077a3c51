/**
 * The store on Cassandra: the table that the stream writes and the queries read, on a ring of any size.
 */
import { type Check, UserpipeError } from "../errors.ts";
import type { Table } from "../pipeline.ts";
import { limitsOf } from "./cassandra_batches.ts";
import { diagnose } from "./cassandra_check.ts";
import { type Link, type LinkOptions, openLink } from "./cassandra_link.ts";
import { checkNames } from "./cassandra_names.ts";
import { reader } from "./cassandra_read.ts";
import { checkTable, init, replicationOf } from "./cassandra_schema.ts";
import { writer } from "./cassandra_write.ts";
import type { Store } from "./store.ts";

/** Batches under way to one node, found by measurement: small ones, and those over the warning limit. */
const IN_FLIGHT = { small: 192, large: 32 };
/** Several times what is under way to a node in small batches and in large ones. */
const APPETITE = 8_000;

export interface CassandraOptions {
  /** `host:port` of some of the nodes; the others are found. */
  contactPoints: string[];
  /** The local data centre; where it is left out, that of the first contact point. */
  dataCenter?: string;
  /** Left out: connections are in plain. */
  tls?: LinkOptions["tls"];
  /** Left out: nobody logs in. */
  login?: LinkOptions["login"];
  /** Of reads and writes, by CQL's name: `LOCAL_QUORUM`. */
  consistency: string;
  table: Table;
  /** Seconds that a row lives; for ever where it is left out. */
  ttlSeconds?: number;
  /** Size of a batch as Cassandra counts it; where it is left out, as much as it takes without a warning in its log. */
  batchBytes?: number;
  /** Batches under way to one node. */
  maxInFlight?: number;
}

/**
 * Opens the store; it connects at the first request.
 * @throws {UserpipeError} `settings` where a name or the consistency level is none
 */
export function openCassandra(options: CassandraOptions): Store {
  const { table, ttlSeconds, batchBytes } = options;
  const maxInFlight = options.maxInFlight ?? (batchBytes === undefined ? IN_FLIGHT.small : IN_FLIGHT.large);
  checkNames(table);
  const link = openLink(options);
  return {
    name: `Cassandra at ${options.contactPoints.join(",")}`,
    appetite: APPETITE,
    check: () => check(link, table),
    diagnose: (wanted) => diagnose(link, table, wanted),
    init: (wanted) => init(link, table, wanted),
    write: writer(link, { table, ttlSeconds, batchBytes, maxInFlight }),
    ...reader(link, table),
    said: async () => {
      const { dataCenter } = await link.local();
      return { dataCenter, batchBytes: (await limitsOf(link, undefined)).bytes };
    },
    close: () => link.close(),
  };
}

async function check(link: Link, table: Table): Promise<Check> {
  const component = "store";
  try {
    const { dataCenter, nodes } = await link.local();
    await checkTable(link, table);
    const replication = await replicationOf(link, table.keyspace) ?? {};
    const copies = Number(replication[dataCenter] ?? replication.replication_factor ?? 0);
    const up = nodes.filter((node) => node.isUp()).length;
    if (copies > nodes.length) throw tooManyCopies(link, table, copies, nodes.length);
    const detail =
      `${link.name}, data centre "${dataCenter}": ${up} of ${nodes.length} nodes up, replication ${copies}`;
    return { component, ok: true, detail };
  } catch (error) {
    if (error instanceof UserpipeError) return { component, ok: false, error };
    throw error;
  }
}

function tooManyCopies({ name }: Link, { keyspace }: Table, copies: number, nodes: number): UserpipeError {
  const message = `${name} has ${nodes} nodes, and the keyspace "${keyspace}" asks for ${copies} copies`;
  return new UserpipeError(
    "store-refused",
    message,
    "Add nodes, or lower the keyspace's replication with ALTER KEYSPACE",
  );
}

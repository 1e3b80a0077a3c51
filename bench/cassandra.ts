/** The Cassandra that is written to, as the benchmark sees it beside the program: rows that are there, a table that is empty. */
import cassandra from "cassandra-driver";
import { pause } from "./measure.ts";

const { Client, policies, types } = cassandra;

const PATIENT_MS = 120_000;
const RANGES = 64;
const RANGES_AT_ONCE = 4;
const QUIET_WITHIN_MS = 30_000;
const LEAST_TOKEN = -(2n ** 63n);
const ALL_TOKENS = 2n ** 64n;

/** A client that needs to know no data centre. */
export function client(contactPoints: string): cassandra.Client {
  const points = contactPoints.split(",");
  return new Client({
    contactPoints: points,
    protocolOptions: { port: Number(points[0]!.split(":")[1] ?? 9042) },
    policies: {
      loadBalancing: new policies.loadBalancing.TokenAwarePolicy(new policies.loadBalancing.RoundRobinPolicy()),
    },
    queryOptions: { consistency: types.consistencies.localQuorum, prepare: true },
    socketOptions: { readTimeout: PATIENT_MS },
  });
}

/** The table of one benchmark. */
export class Target implements AsyncDisposable {
  readonly #client: cassandra.Client;
  readonly #table: string;

  constructor(contactPoints: string, readonly keyspace: string, table: string) {
    this.#client = client(contactPoints);
    this.#table = `${keyspace}.${table}`;
  }

  connect(): Promise<void> {
    return this.#client.connect();
  }

  /** For example `5.0.6`. */
  async version(): Promise<string> {
    return (await this.#execute("SELECT release_version FROM system.local")).first().release_version;
  }

  /** Where what is emptied would otherwise be kept as a snapshot; before version 4.1 only the node's settings say. */
  async keepNoSnapshots(): Promise<void> {
    const [major, minor] = (await this.version()).split(".").map(Number) as [number, number];
    if (major > 4 || (major === 4 && minor >= 1)) {
      await this.#execute(`ALTER TABLE ${this.#table} WITH allow_auto_snapshot = false`);
    }
  }

  /** Empties the table, and waits until what Cassandra still had to do with it is over. */
  async empty(): Promise<void> {
    await this.#execute(`TRUNCATE ${this.#table}`);
    const limit = performance.now() + QUIET_WITHIN_MS;
    while (await this.#compacting() && performance.now() < limit) await pause(100);
  }

  async #compacting(): Promise<boolean> {
    const there = await this.#execute(
      "SELECT table_name FROM system_virtual_schema.tables WHERE keyspace_name = 'system_views' AND table_name = 'sstable_tasks'",
    );
    if (there.rowLength === 0) return false;
    const { rows } = await this.#execute("SELECT keyspace_name FROM system_views.sstable_tasks");
    return rows.some((row) => row.keyspace_name === this.keyspace);
  }

  async hasAny(): Promise<boolean> {
    return (await this.#execute(`SELECT id FROM ${this.#table} LIMIT 1`)).rowLength > 0;
  }

  /** Which of the ids are there. */
  async present(ids: readonly string[]): Promise<Set<string>> {
    const { rows } = await this.#execute(`SELECT id FROM ${this.#table} WHERE id IN ?`, [ids]);
    return new Set(rows.map(({ id }) => String(id)));
  }

  async has(ids: readonly string[]): Promise<boolean> {
    return (await this.present(ids)).size === ids.length;
  }

  /** All rows, a part of the ring at a time, so that no request of it takes long. */
  async count(): Promise<number> {
    const from = (n: number) => LEAST_TOKEN + ALL_TOKENS * BigInt(n) / BigInt(RANGES);
    const statement = `SELECT count(*) FROM ${this.#table} WHERE token(id) > ? AND token(id) <= ?`;
    let next = 0;
    let sum = 0;
    await Promise.all(Array.from({ length: RANGES_AT_ONCE }, async () => {
      while (next < RANGES) {
        const n = next++;
        const last = n + 1 === RANGES ? LEAST_TOKEN + ALL_TOKENS - 1n : from(n + 1);
        const bounds = [from(n), last].map((token) => types.Long.fromString(String(token)));
        const { rows } = await this.#execute(statement, bounds);
        sum += Number(rows[0]!.count);
      }
    }));
    return sum;
  }

  #execute(statement: string, parameters: unknown[] = []) {
    return this.#client.execute(statement, parameters);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.execute(`DROP KEYSPACE IF EXISTS ${this.keyspace}`, [], { prepare: false });
    await this.#client.shutdown();
  }
}

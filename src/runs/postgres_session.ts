/** The connections to Postgres: few, with an end to every wait, and made anew where the old ones do not answer. */
import postgres from "postgres";
import { timerMs } from "../backoff.ts";
import { isTransient } from "../errors.ts";
import { NoAnswer, translate, unreachable } from "./postgres_errors.ts";
import { migrate } from "./postgres_schema.ts";
import { isLost, transaction } from "./postgres_transaction.ts";
import type { Place } from "./postgres_url.ts";

/** Times go there and come as ms since the epoch; so do counts, as numbers. */
type Types = { bigint: number; time: number };
/** For statements. */
export type Sql = postgres.ISql<Types>;
export type Client = postgres.Sql<Types>;

/** Statements are short: within this time one is done, or the connection is given up. In ms. */
const STATEMENT_MS = 5_000;
const ANSWER_MS = 8_000;
/** A process that freezes in a transaction holds up nobody for longer. In ms. */
const IDLE_IN_TRANSACTION_MS = 2_500;
const CONNECT_S = 5;
const CONNECTIONS = 4;

export class Session {
  readonly name: string;
  /** How many changes there were, as far as it is known; undefined while nothing was asked of the record. */
  changes: number | undefined;
  /** Which record it is; undefined while nothing was asked of it. */
  record: string | undefined;
  /** Called when there were more. */
  onChange: () => void = () => {};
  readonly #place: Place;
  /** When Postgres was last found out of reach, on the clock of `performance`. */
  #troubledAt = -Infinity;
  /** The driver's own pool does not always come to itself again behind a lost connection: each has one connection. */
  readonly #clients = new Set<Client>();
  #idle: Client[] = [];
  readonly #waiting: (() => void)[] = [];
  #ready: Promise<void> | undefined;
  #closed = false;

  constructor(place: Place) {
    this.#place = place;
    this.name = place.name;
  }

  /** Statements on a record that is there. @throws {UserpipeError} */
  async run<T>(work: (client: Client) => Promise<T>): Promise<T> {
    this.#ready ??= this.bare((client) => this.#begin(client));
    const ready = this.#ready;
    try {
      await ready;
    } catch (error) {
      if (this.#ready === ready) this.#ready = undefined;
      throw error;
    }
    return await this.bare(work);
  }

  /** All or nothing; `work` awaits nothing but statements. @throws {UserpipeError} */
  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return await this.run((client) => transaction(client, work));
  }

  /** Statements that need no record. @throws {UserpipeError} */
  async bare<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.#take();
    try {
      const answer = await answered(work(client), this.name);
      this.#giveBack(client);
      return answer;
    } catch (error) {
      const translated = translate(error, this.name);
      if (isTransient(translated)) this.#troubledAt = performance.now();
      if (isLost(error) || error instanceof NoAnswer) this.#discard(client);
      else this.#giveBack(client);
      throw translated;
    }
  }

  /** A connection for what Postgres says by itself on `channel`. The caller ends it with {@linkcode hangUp}. */
  listener(onnotify: (payload: string) => void, onclose: () => void): Client {
    return connect(this.#place, onclose, { onnotify: (_: string, payload: string) => onnotify(payload) });
  }

  /** Whether Postgres was within reach for so long, in ms, as far as this process asked. */
  isSteady(ms: number): boolean {
    return performance.now() - this.#troubledAt > ms;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#clients].map(hangUp));
  }

  /** A connection that nobody else uses meanwhile. */
  async #take(): Promise<Client> {
    for (;;) {
      if (this.#closed) throw unreachable(`The connection to ${this.name} is closed`);
      const idle = this.#idle.pop();
      if (idle !== undefined) return idle;
      if (this.#clients.size < CONNECTIONS) {
        const client: Client = connect(this.#place, () => this.#idle.includes(client) && this.#discard(client));
        this.#clients.add(client);
        return client;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #giveBack(client: Client): void {
    if (this.#clients.has(client)) this.#idle.push(client);
    this.#waiting.shift()?.();
  }

  #discard(client: Client): void {
    this.#clients.delete(client);
    this.#idle = this.#idle.filter((each) => each !== client);
    void hangUp(client);
    this.#waiting.shift()?.();
  }

  /** There were so many changes. */
  learn(changes: number): void {
    if (this.changes !== undefined && changes <= this.changes) return;
    this.changes = changes;
    this.onChange();
  }

  async #begin(client: Client): Promise<void> {
    await migrate(client, this.name);
    const [{ identity, changes }] = await client<[{ identity: string; changes: number }]>`
      SELECT identity, changes FROM record`;
    this.record ??= identity;
    this.learn(changes);
  }
}

/** What `work` comes to, where that is soon. @throws {UserpipeError} */
export async function answered<T>(work: Promise<T>, name: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(name, ANSWER_MS)), timerMs(ANSWER_MS));
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends the connections, also to a server that no longer answers. */
export async function hangUp(client: Client): Promise<void> {
  await client.end({ timeout: 1 }).catch(() => {});
}

/** Every option is named: what is left out, the driver takes from variables of the environment. */
function connect(place: Place, onclose: () => void, more: Record<string, unknown> = {}): Client {
  const { host, port, database, user, password, sslMode } = place;
  return postgres({
    host,
    port,
    database,
    user,
    password: () => password,
    ssl: sslMode === "disable" ? false : sslMode,
    sslnegotiation: null,
    max: 1,
    onclose,
    idle_timeout: 0,
    max_lifetime: null,
    max_pipeline: 100,
    connect_timeout: CONNECT_S,
    backoff: () => 0.3,
    keep_alive: 30,
    prepare: true,
    debug: false,
    // A question of the driver's own that fails is an error that nobody can catch.
    fetch_types: false,
    publications: "alltables",
    // Since Postgres 14 the server says it by itself.
    target_session_attrs: "read-write",
    onnotice: () => {},
    transform: { column: { from: postgres.toCamel } },
    connection: {
      application_name: "userpipe",
      search_path: "userpipe",
      statement_timeout: STATEMENT_MS,
      lock_timeout: STATEMENT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      TimeZone: "UTC",
    },
    types: {
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
      time: { to: 1184, from: [1184], serialize: (ms: number) => new Date(ms).toISOString(), parse: Date.parse },
    },
    ...more,
  } as postgres.Options<Record<string, postgres.PostgresType>>) as unknown as Client;
}

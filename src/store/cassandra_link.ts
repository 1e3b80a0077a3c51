/**
 * The connection to Cassandra: made at the first request, shared by all, and made anew when no node answers
 * any more. Every request of the adapter passes through `execute`, and its errors come out translated.
 */
import { errors, type Host, policies, type QueryOptions, types } from "cassandra-driver";
import { UserpipeError } from "../errors.ts";
import type { Refusal } from "../tls.ts";
import { nameOf, translate } from "./cassandra_errors.ts";
import { Lanes, type LanesOptions } from "./cassandra_lanes.ts";
import { explained, refusalAt } from "./cassandra_reach.ts";
import { connect, type Session, type SessionOptions } from "./cassandra_session.ts";

/** How long one request may take; Cassandra's own limits are 2 to 10 s. */
const REQUEST_MS = 12_000;

export interface LinkOptions extends SessionOptions {
  /** By CQL's name, for example `LOCAL_QUORUM`. */
  consistency: string;
}

/** How a statement is run. A `schema` statement is not prepared. */
export type Kind = "read" | "schema";

export interface Page {
  /** Rows a page. */
  fetchSize: number;
  /** Where it begins, as the page before said. */
  pageState?: string;
}

export interface Link {
  /** `Cassandra at "127.0.0.1:9042"`. */
  readonly name: string;
  /**
   * Runs one statement.
   * @throws {UserpipeError} `store-unreachable`, `store-busy`, `store-missing`, `not-authorised`, `settings` (no such data
   * centre); `query` where Cassandra refuses the statement or one of its values
   */
  execute(kind: Kind, statement: string, parameters?: unknown[], page?: Page): Promise<types.ResultSet>;
  /**
   * The lanes of the session of now, on which rows are written.
   * @throws {UserpipeError} as {@linkcode execute}
   */
  lanes(options: Omit<LanesOptions, "consistency">): Promise<Lanes>;
  /** The operating error for what a lane said is wrong; where no node is left, the next request connects anew. */
  failed(error: unknown): Promise<unknown>;
  /** Why a node at `host:port` keeps us out; undefined where it is something else. */
  refusal(address: string): Promise<Refusal | undefined>;
  /** The local data centre and its nodes, up or not. */
  local(): Promise<{ dataCenter: string; nodes: Host[] }>;
  /** Ends every connection and timer. */
  close(): Promise<void>;
}

/** @throws {UserpipeError} `settings` where there is no such consistency level */
export function openLink(options: LinkOptions): Link {
  const name = nameOf(options.contactPoints);
  const settings = settingsOf(options.consistency);
  /** Sessions that are being ended. */
  const ending = new Set<Promise<void>>();
  /** Those of a session, made at its first write. */
  const lanes = new WeakMap<Session, Lanes>();
  let current: Promise<Session> | undefined;
  let closed = false;

  return {
    name,
    async lanes(options) {
      const held = await session();
      let made = lanes.get(held);
      if (made === undefined) {
        made = new Lanes(held.client, held.nodes, { ...options, consistency: settings.read.consistency! });
        lanes.set(held, made);
        held.onEnd(() => made!.close());
      }
      return made;
    },
    async failed(error) {
      if (error instanceof errors.NoHostAvailableError && current !== undefined) await renew(current);
      return translate(error, name);
    },
    async execute(kind, statement, parameters, page) {
      const held = session();
      const { client } = await held;
      try {
        return await client.execute(statement, parameters, page ? { ...settings[kind], ...page } : settings[kind]);
      } catch (error) {
        if (error instanceof errors.NoHostAvailableError) await renew(held);
        throw translate(error, name);
      }
    },
    refusal: (address) => refusalAt(address, options.tls),
    async local() {
      const { dataCenter, nodes } = await session();
      return { dataCenter, nodes: nodes() };
    },
    async close() {
      closed = true;
      const last = current;
      current = undefined;
      await last?.then(({ end }) => end(), () => {});
      await Promise.all(ending);
    },
  };

  function session(): Promise<Session> {
    if (closed) return Promise.reject(new Error(`${name} was closed`));
    return current ??= make();
  }

  function make(): Promise<Session> {
    const made: Promise<Session> = connect(options, endLater).catch(async (error) => {
      // A later request tries again, with a client of its own.
      if (current === made) current = undefined;
      throw await explained(translate(error, name), options);
    });
    return made;
  }

  /** With no node left, names are resolved again and no schedule is waited for: the next request connects anew. */
  async function renew(held: Promise<Session>): Promise<void> {
    const session = await held;
    if (current !== held || session.nodes().some((node) => node.isUp())) return;
    current = undefined;
    endLater(session.end());
  }

  function endLater(end: Promise<void>): void {
    const done: Promise<void> = end.then(() => void ending.delete(done));
    ending.add(done);
  }
}

function settingsOf(consistency: string): Record<Kind, QueryOptions> {
  const read = { prepare: true, isIdempotent: true, consistency: levelOf(consistency), readTimeout: REQUEST_MS };
  const retry = new policies.retry.FallthroughRetryPolicy();
  return { read, schema: { ...read, retry, prepare: false, isIdempotent: false } };
}

function levelOf(name: string): types.consistencies {
  const known = Object.keys(types.consistencies).filter((each) => !/serial/i.test(each));
  const level = known.find((each) => each.toLowerCase() === name.toLowerCase().replaceAll("_", ""));
  if (level !== undefined) return types.consistencies[level as keyof typeof types.consistencies];
  const names = known.map((each) => each.replace(/[A-Z]/g, "_$&").toUpperCase());
  throw new UserpipeError("settings", `There is no consistency level "${name}"`, `Give one of ${names.join(", ")}`);
}

/** Waiting for what any process queues, pauses or resumes: Postgres says it at once, and is asked now and then besides. */
import { sleep } from "../backoff.ts";
import { isTransient, messageOf } from "../errors.ts";
import { logger } from "../log.ts";
import { answered, type Client, hangUp, type Session, type Sql } from "./postgres_session.ts";

const log = logger("runs");

const CHANNEL = "userpipe_runs";
/** How often is asked while Postgres says it by itself, and while it does not, in ms. */
const CHECK_MS = 5_000;
const LOOK_MS = 400;

/** Does something that every process is to know at once, where `work` says that it did. */
export async function withChange<T>(session: Session, work: (sql: Sql, note: () => void) => Promise<T>): Promise<T> {
  let noted = false;
  let changes = 0;
  const answer = await session.transaction(async (sql) => {
    const answer = await work(sql, () => noted = true);
    if (!noted) return answer;
    [{ changes }] = await sql<[{ changes: number }]>`
      WITH changed AS (UPDATE record SET changes = changes + 1 RETURNING changes)
      SELECT changes, pg_notify(${CHANNEL}, changes::text) FROM changed`;
    return answer;
  });
  if (noted) session.learn(changes);
  return answer;
}

export class Changes {
  readonly #session: Session;
  readonly #stop = new AbortController();
  #listening: Promise<void> | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(session: Session) {
    this.#session = session;
    session.onChange = () => this.#wake();
  }

  /** Resolves on a change since the call, when the signal is aborted, or when this is closed. */
  async wait(signal: AbortSignal): Promise<void> {
    const session = this.#session;
    let mark = session.changes;
    this.#listening ??= this.#listen();
    // Before the first that is known, this process has not looked either: what it asks of the record waits for that.
    const changed = () => session.changes !== (mark ??= session.changes);
    const over = () => signal.aborted || this.#stop.signal.aborted;
    while (!changed() && !over()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      this.#waiting.delete(resolve);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#listening;
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Keeps a connection on which Postgres says it, and asks on the same one, which shows that it lives. Never rejects. */
  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    for (let last = ""; !signal.aborted;) {
      const closed = new AbortController();
      const client = this.#session.listener((payload) => this.#session.learn(Number(payload)), () => closed.abort());
      try {
        await this.#session.run(async () => {});
        await answered(client`LISTEN ${client.unsafe(CHANNEL)}`, this.#session.name);
        for (last = ""; !signal.aborted && !closed.signal.aborted;) {
          await this.#ask(client);
          await sleep(CHECK_MS, AbortSignal.any([signal, closed.signal]));
        }
      } catch (error) {
        const message = messageOf(error);
        if (!isTransient(error) && message !== last) log.debug("Cannot listen for changes: {message}", { message });
        last = message;
      } finally {
        await hangUp(client);
      }
      await this.#ask().catch(() => {});
      await sleep(LOOK_MS, signal);
    }
  }

  async #ask(client?: Client): Promise<void> {
    const ask = async (sql: Sql) => await sql<[{ changes: number }]>`SELECT changes FROM userpipe.record`;
    const [{ changes }] =
      await (client === undefined ? this.#session.run(ask) : answered(ask(client), this.#session.name));
    this.#session.learn(changes);
  }
}

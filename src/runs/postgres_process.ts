/**
 * This process on the record: a row that says that it lives, renewed by the clock of the database, and the runs that it
 * has. Who does not renew it in time is taken for dead by the others.
 */
import { sleep } from "../backoff.ts";
import { isTransient, messageOf, type UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import { replaced } from "./postgres_errors.ts";
import { Kept } from "./postgres_kept.ts";
import { listOf } from "./postgres_rows.ts";
import type { Session, Sql } from "./postgres_session.ts";

const log = logger("runs");

/** A run that is this process's. */
export interface Held {
  /** What every write of it names beside the owner. */
  claim: number;
  /** Whether an attempt is under way or the next one is waited for; else it is only claimed. */
  begun: boolean;
  /** How many lines of log were given. */
  lines: number;
}

export class OwnProcess {
  readonly id: string = crypto.randomUUID();
  readonly kept = new Kept();
  readonly held: Map<string, Held> = new Map();
  readonly leaseMs: number;
  readonly #session: Session;
  readonly #stop = new AbortController();
  #beating: Promise<void> | undefined;
  /** Whether a run may have become this process's without its knowing: the answer was lost. */
  #uncertain = false;
  #claiming: Promise<unknown> = Promise.resolve();
  /** From when, on the clock of `performance`, it has to be said again that this process lives. */
  #beatAt = 0;

  constructor(session: Session, leaseMs: number) {
    this.#session = session;
    this.leaseMs = leaseMs;
  }

  /** How long one who says nothing is not taken for dead. */
  lease(sql: Sql) {
    return sql`${this.leaseMs} * interval '1 ms'`;
  }

  /** Marks the runs of other processes that are gone; of what was out of reach a moment ago nobody can say it. */
  async settle(sql: Sql): Promise<void> {
    if (!this.#session.isSteady(this.leaseMs)) return;
    await sql`UPDATE run SET again = CASE state WHEN 'running' THEN source_kind = 'http' ELSE again END,
        state = 'interrupted', owner = NULL
      WHERE state IN ('running', 'interrupted') AND owner <> ${this.id} AND NOT alive(owner, ${this.lease(sql)})`;
  }

  /** An attempt of a run of this process's is under way. */
  begins(id: string, claim: number): void {
    this.held.set(id, { claim, begun: true, lines: 0 });
  }

  /** A run is this process's to begin. */
  claims(id: string, claim: number): void {
    this.held.set(id, { claim, begun: false, lines: 0 });
  }

  /**
   * Does what may make runs this process's, one such thing at a time and behind what it has to say.
   * @param done is told the answer before the next such thing
   */
  claim<T>(work: (sql: Sql) => Promise<T>, done: (answer: T) => void = () => {}): Promise<T> {
    const claimed = this.#claiming.then(async () => {
      await this.kept.write();
      await this.#letGo();
      try {
        const answer = await this.#session.transaction(async (sql) => {
          if (performance.now() > this.#beatAt) await this.#beat(sql);
          return await work(sql);
        });
        done(answer);
        this.#beating ??= this.#keepBeating();
        return answer;
      } catch (error) {
        this.#uncertain ||= isTransient(error);
        throw error;
      }
    });
    this.#claiming = claimed.catch(() => {});
    return claimed;
  }

  /** Leaves the record: what is this process's goes to others at once. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#beating;
    await this.#claiming;
    await this.kept.write();
    for (const what of this.kept.left()) log.warning("{what} is not on record: the record was out of reach", { what });
    if (this.#beating === undefined) return;
    try {
      await this.#session.transaction(async (sql) => {
        await sql`DELETE FROM process WHERE id = ${this.id}`;
        await sql`UPDATE schedule SET owner = NULL WHERE owner = ${this.id}`;
      });
    } catch (error) {
      // It is found dead by its silence then; and a record that is gone has nothing of it.
      if (!isTransient(error) && (error as UserpipeError).code !== "runs-replaced") throw error;
    }
  }

  /** Never rejects. */
  async #keepBeating(): Promise<void> {
    const { signal } = this.#stop;
    for (let last = ""; !signal.aborted;) {
      await sleep(this.leaseMs / 5, signal);
      if (signal.aborted) return;
      try {
        await this.#session.transaction((sql) => this.#beat(sql));
        if (last !== "") log.debug("The record of runs is within reach again");
        last = "";
        await this.kept.write();
        if (this.#uncertain) await this.claim(async () => {});
      } catch (error) {
        const message = messageOf(error);
        if (message !== last) {
          // Whoever needs the record says it aloud.
          log.debug("Cannot say on the record of runs that this process lives: {message}", { message });
        }
        last = message;
      }
    }
  }

  /**
   * Says that this process lives. Where none has for a while, and this one was there before, the database was away: all get
   * the time to say it.
   * @throws {UserpipeError} `runs-replaced` on another record than before
   */
  async #beat(sql: Sql): Promise<void> {
    const lease = this.lease(sql);
    await sql`UPDATE record SET grace = clock_timestamp() + ${lease}
      WHERE EXISTS (SELECT FROM process WHERE id = ${this.id})
        AND NOT EXISTS (SELECT FROM process WHERE expires > clock_timestamp() + ${lease} / 2)`;
    const said = await sql`INSERT INTO process
      SELECT ${this.id}::uuid, clock_timestamp() + ${lease} FROM record WHERE identity = ${this.#session.record!}
      ON CONFLICT (id) DO UPDATE SET expires = excluded.expires`;
    if (said.count === 0) throw replaced(this.#session.name);
    this.#beatAt = performance.now() + this.leaseMs / 5;
  }

  /** Runs that this process has without knowing are interrupted, so that they are fetched again. */
  async #letGo(): Promise<void> {
    if (!this.#uncertain || !this.kept.isEmpty) return;
    const known = [...this.held.keys()];
    await this.#session.transaction(async (sql) => {
      await sql`UPDATE run SET state = 'interrupted', again = source_kind = 'http', owner = NULL
        WHERE state = 'running' AND owner = ${this.id} AND id NOT IN ${listOf(sql, known)}`;
    });
    this.#uncertain = false;
  }
}

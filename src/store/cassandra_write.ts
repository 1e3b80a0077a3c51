/**
 * Writing rows: batches within the limits, a bounded number of them under way over all calls, and an outcome for
 * every row.
 */
import { isTransient, messageOf, UserpipeError } from "../errors.ts";
import { fault } from "../fault.ts";
import type { Row, Table } from "../pipeline.ts";
import { type BatchLimits, endOfBatch, limitsOf, statements } from "./cassandra_batches.ts";
import { pushParameters, sizeInBatch, whyNot } from "./cassandra_encode.ts";
import { nobodyAnswers } from "./cassandra_errors.ts";
import type { Link } from "./cassandra_link.ts";
import { checkTable } from "./cassandra_schema.ts";
import { slots } from "./cassandra_slots.ts";
import type { Store, WriteResult } from "./store.ts";

export interface WriterOptions {
  table: Table;
  /** Seconds that a row lives; for ever where it is left out. */
  ttlSeconds?: number;
  /** Size of a batch in Cassandra's count; where it is left out, what Cassandra takes without a warning. */
  batchBytes?: number;
  /** Batches under way. */
  maxInFlight: number;
}

/** One call of `write`. */
interface Call {
  rows: readonly Row[];
  result: WriteResult;
  /** What waiting cannot cure. */
  fatal?: unknown;
  /** Nobody answers: the rows that were not sent yet need not be. */
  away?: UserpipeError;
}

/** The `write` of the store over this connection. */
export function writer(link: Link, options: WriterOptions): Store["write"] {
  const { table } = options;
  const statement = statements(table, options.ttlSeconds);
  const inFlight = slots(options.maxInFlight);
  let limits: BatchLimits | undefined;

  return async (rows) => {
    const call: Call = { rows, result: { refused: [], unwritten: [] } };
    const { indexes, sizes } = sift(call, table);
    try {
      limits ??= await prepare();
      await sendAll(call, indexes, sizes, limits);
    } catch (error) {
      note(call, indexes, error);
    }
    if (call.fatal !== undefined) throw call.fatal;
    return call.result;
  };

  async function prepare(): Promise<BatchLimits> {
    await checkTable(link, table);
    return await limitsOf(link, options.batchBytes);
  }

  async function sendAll(call: Call, indexes: number[], sizes: number[], limits: BatchLimits): Promise<void> {
    const sent: Promise<void>[] = [];
    for (let from = 0, to = 0; from < indexes.length && call.fatal === undefined; from = to) {
      to = endOfBatch(sizes, from, limits);
      const batch = indexes.slice(from, to);
      await inFlight.take();
      sent.push(send(call, batch).finally(inFlight.give));
    }
    await Promise.all(sent);
  }

  /** Never rejects: what became of the rows is in `call`. */
  async function send(call: Call, batch: readonly number[]): Promise<void> {
    if (call.away !== undefined) return note(call, batch, call.away);
    const parameters: unknown[] = [];
    for (const index of batch) pushParameters(parameters, call.rows[index], table.columns);
    try {
      await link.execute("write", statement(batch.length), parameters);
      fault("mid-batch");
    } catch (error) {
      if (error instanceof UserpipeError && error.code === "query") await split(call, batch, error);
      else note(call, batch, error);
    }
  }

  /** I3: what Cassandra refuses is halved until the row that it refuses is alone. */
  async function split(call: Call, batch: readonly number[], refusal: UserpipeError): Promise<void> {
    if (batch.length > 1) {
      const middle = batch.length >> 1;
      await send(call, batch.slice(0, middle));
      return send(call, batch.slice(middle));
    }
    try {
      // A table that was changed meanwhile refuses every row, and none of them is bad.
      await checkTable(link, table);
      call.result.refused.push({ index: batch[0], reason: messageOf(refusal.cause) });
    } catch (error) {
      note(call, batch, error);
    }
  }
}

/** Sets aside the rows that cannot be sent at all; of the others, their places and sizes. */
function sift({ rows, result }: Call, table: Table): { indexes: number[]; sizes: number[] } {
  const indexes: number[] = [];
  const sizes: number[] = [];
  for (let index = 0; index < rows.length; index++) {
    const reason = whyNot(rows[index], table);
    if (reason === undefined) {
      indexes.push(index);
      sizes.push(sizeInBatch(rows[index]));
    } else {
      result.refused.push({ index, reason });
    }
  }
  return { indexes, sizes };
}

/** I5: after a timeout, an overload or a lost connection the rows may be written or not, so they count as not. */
function note(call: Call, batch: readonly number[], error: unknown): void {
  if (!isTransient(error)) {
    call.fatal ??= error;
    return;
  }
  for (const index of batch) call.result.unwritten.push({ index, error });
  if (nobodyAnswers(error)) call.away = error;
}

/**
 * Writing rows: batches within the limits, each sent to a replica of its rows, and an outcome for every row.
 */
import { isTransient, messageOf, UserpipeError } from "../errors.ts";
import { fault } from "../fault.ts";
import { Packer } from "../packed.ts";
import type { Packed, Row, Table } from "../pipeline.ts";
import { type BatchLimits, endOfBatch, limitsOf, statements } from "./cassandra_batches.ts";
import { keyOf, sizeInBatch, whyNot } from "./cassandra_encode.ts";
import { TIME_BYTES } from "./cassandra_frames.ts";
import type { Lane, Parcel } from "./cassandra_lane.ts";
import type { Lanes } from "./cassandra_lanes.ts";
import type { Link } from "./cassandra_link.ts";
import { checkTable } from "./cassandra_schema.ts";
import type { Store, WriteResult } from "./store.ts";

export interface WriterOptions {
  table: Table;
  /** Seconds that a row lives; for ever where it is left out. */
  ttlSeconds?: number;
  /** Size of a batch in Cassandra's count; where it is left out, what Cassandra takes without a warning. */
  batchBytes?: number;
  /** Batches under way to one node. */
  maxInFlight: number;
}

/** One call of `write`. */
interface Call {
  /** By place; one that cannot be sent is not there. */
  rows: readonly Packed[];
  result: WriteResult;
  /** Batches whose fate is not known yet. */
  open: number;
  /** What waiting cannot cure. */
  fatal?: { error: unknown };
  ended: PromiseWithResolvers<void>;
}

/** Rows of a call, by their places. */
type Part = Pick<Parcel, "order" | "from" | "to">;

/** What a request has beside its rows, at the most. */
const REQUEST_BYTES = 128;

/** The `write` of the store over this connection. */
export function writer(link: Link, options: WriterOptions): Store["write"] {
  const { table, ttlSeconds, batchBytes, maxInFlight } = options;
  const statement = statements(table, ttlSeconds);
  const values = table.columns.length + 1;
  let limits: BatchLimits | undefined;

  return async (rows) => {
    const result: WriteResult = { refused: [], unwritten: [] };
    const { packed, order } = pack(rows, table, result);
    const call: Call = { rows: packed, result, open: 1, ended: Promise.withResolvers() };
    try {
      limits ??= await prepare();
      const fitting = withoutTooLarge(call, order, limits);
      sendAll(call, fitting, await link.lanes({ keyspace: table.keyspace, values, maxInFlight }));
    } catch (error) {
      note(call, { order, from: 0, to: order.length }, await link.failed(error));
    }
    close(call);
    await call.ended.promise;
    if (call.fatal !== undefined) throw call.fatal.error;
    return result;
  };

  async function prepare(): Promise<BatchLimits> {
    await checkTable(link, table);
    return await limitsOf(link, batchBytes);
  }

  function sendAll(call: Call, all: Int32Array, lanes: Lanes): void {
    const { rows } = call;
    for (const [lane, order] of lanes.share(all, (place) => keyOf(rows[place]!))) {
      const sizes = order.map((place) => sizeInBatch(rows[place]!, table.columns.length));
      const parcels: Parcel[] = [];
      for (let from = 0, to = 0; from < order.length; from = to) {
        to = endOfBatch(sizes, from, limits!);
        parcels.push(parcel(call, lane, { order, from, to }));
      }
      lane.send(parcels);
    }
  }

  function parcel(call: Call, lane: Lane, part: Part): Parcel {
    const { order, from, to } = part;
    call.open++;
    let bytes = (to - from) * TIME_BYTES;
    for (let i = from; i < to; i++) {
      const { start, end } = call.rows[order[i]!]!;
      bytes += end - start;
    }
    return {
      statement: statement(to - from),
      rows: call.rows,
      ...part,
      bytes,
      done(error) {
        if (error === undefined) {
          fault("mid-batch");
          close(call);
        } else {
          settle(call, lane, part, error).catch((defect) => call.fatal ??= { error: defect }).finally(() =>
            close(call)
          );
        }
      },
    };
  }

  async function settle(call: Call, lane: Lane, part: Part, thrown: unknown): Promise<void> {
    const error = await link.failed(thrown);
    if (!(error instanceof UserpipeError) || error.code !== "query") return note(call, part, error);
    const { order, from, to } = part;
    // I3: what Cassandra refuses is halved until the row that it refuses is alone.
    if (to - from > 1) {
      const middle = (from + to) >> 1;
      const halves = [{ order, from, to: middle }, { order, from: middle, to }];
      return lane.send(halves.map((half) => parcel(call, lane, half)));
    }
    try {
      // A table that was changed meanwhile refuses every row, and none of them is bad.
      await checkTable(link, table);
      call.result.refused.push({ index: order[from]!, reason: messageOf(error.cause) });
    } catch (error) {
      note(call, part, error);
    }
  }
}

function close(call: Call): void {
  if (--call.open === 0) call.ended.resolve();
}

/** The rows as bytes, and the places of those that can be sent at all; the others are refused. */
function pack(rows: readonly Row[], table: Table, { refused }: WriteResult): { packed: Packed[]; order: Int32Array } {
  const packed: Packed[] = new Array(rows.length);
  const order = new Int32Array(rows.length);
  let sendable = 0;
  let packer: Packer | undefined;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    if (row.packed !== undefined) {
      packed[index] = row.packed;
    } else {
      const reason = whyNot(row, table);
      if (reason !== undefined) {
        refused.push({ index, reason });
        continue;
      }
      packer ??= new Packer(table.columns);
      packer.add(row.values);
      packed[index] = packer.row(row.writeTime);
    }
    order[sendable++] = index;
  }
  return { packed, order: order.subarray(0, sendable) };
}

/** Refuses the rows that no request can hold. */
function withoutTooLarge({ rows, result }: Call, order: Int32Array, { frame }: BatchLimits): Int32Array {
  const most = frame - REQUEST_BYTES;
  const bytesAt = (place: number) => rows[place]!.end - rows[place]!.start;
  if (order.every((place) => bytesAt(place) <= most)) return order;
  return order.filter((index) => {
    const bytes = bytesAt(index);
    if (bytes > most) result.refused.push({ index, reason: `too large: ${bytes} bytes, and Cassandra takes ${most}` });
    return bytes <= most;
  });
}

/** I5: after a timeout, an overload or a lost connection the rows may be written or not, so they count as not. */
function note(call: Call, { order, from, to }: Part, error: unknown): void {
  if (!isTransient(error)) {
    call.fatal ??= { error };
    return;
  }
  for (let i = from; i < to; i++) call.result.unwritten.push({ index: order[i]!, error });
}

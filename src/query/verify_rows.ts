/** The second half of `verify`: the table's rows of the ids, each beside the record that counts. */
import { sleep, waitMs } from "../backoff.ts";
import type { Broker } from "../broker/broker.ts";
import { isTransient } from "../errors.ts";
import type { Pipeline, Value } from "../pipeline.ts";
import type { Store, StoredRow } from "../store/store.ts";
import { payloadOf } from "../wire_format.ts";
import { timeOf } from "./bytes.ts";
import { readOne } from "./verify_read.ts";
import type { Finding, Tally } from "./verify_verdict.ts";
import type { Comparison, Winners } from "./verify_winners.ts";

/** Rows that the store is asked for at once. */
const BATCH = 2_000;
/** Tries of one batch. */
const TRIES = 6;
const BACKOFF = { firstMs: 200, maxMs: 5_000 };

export interface CompareOptions {
  pipeline: Pipeline;
  broker: Broker;
  store: Store;
  topic: string;
  /** How long rows live, in ms. */
  ttlMs?: number;
  signal: AbortSignal;
}

/** Counts what became of every id in `winners`. @param onProgress is told how many are done */
export async function compareRows(
  options: CompareOptions,
  winners: Winners,
  tally: Tally,
  onProgress: (done: number) => void,
): Promise<void> {
  const { entries } = winners;
  for (let from = 0; from < entries.size; from += BATCH) {
    options.signal.throwIfAborted();
    const count = Math.min(BATCH, entries.size - from);
    const keys = Array.from({ length: count }, (_, i) => entries.key(from + i));
    const found = new Map<number, StoredRow>();
    for (const row of await get(options, keys)) found.set(entries.find(winners.key(row)), row);
    for (let entry = from; entry < from + count; entry++) {
      const row = found.get(entry);
      if (row === undefined) {
        await countMissing(options, winners, entry, tally);
        continue;
      }
      tally.rows++;
      const comparison = winners.compare(entry, row);
      if (comparison !== "same") await countOther(options, winners, entry, row, comparison, tally);
    }
    onProgress(from + count);
  }
}

/** A store that is slow or away for a moment is no reason to begin again. */
async function get({ store, signal }: CompareOptions, keys: readonly string[]): Promise<StoredRow[]> {
  for (let attempt = 1;; attempt++) {
    try {
      return await store.get(keys);
    } catch (error) {
      if (!isTransient(error) || attempt === TRIES || signal.aborted) throw error;
      await sleep(waitMs(BACKOFF, attempt), signal);
    }
  }
}

async function countMissing({ ttlMs }: CompareOptions, { entries }: Winners, entry: number, tally: Tally) {
  const written = entries.times[entry]! / 1000;
  // A row lives from when it was written, which was not before its record was published.
  if (ttlMs !== undefined && written + ttlMs <= Date.now()) {
    tally.expired++;
    return;
  }
  await tally.add("missing", placeOf(entries, entry), () => ({ id: entries.key(entry), what: "there is no row" }));
}

async function countOther(
  options: CompareOptions,
  winners: Winners,
  entry: number,
  row: StoredRow,
  comparison: Comparison,
  tally: Tally,
): Promise<void> {
  const { entries } = winners;
  const place = placeOf(entries, entry);
  if (comparison !== "newer") {
    return await tally.add("different", place, () => difference(options, winners, entry, row, comparison));
  }
  const what = `the row is of ${timeOf(row.writeTime / 1000)}`;
  await tally.add("newer", place, () => ({ id: entries.key(entry), what }));
}

/** The columns, from the record itself: only its fingerprint was kept. */
async function difference(
  { pipeline, broker, topic }: CompareOptions,
  winners: Winners,
  entry: number,
  { values, writeTime }: StoredRow,
  comparison: Comparison,
): Promise<Omit<Finding, "partition" | "offset">> {
  const { partition, offset } = placeOf(winners.entries, entry);
  const message = await readOne(broker, topic, partition, BigInt(offset));
  const event = message?.value ? pipeline.decode(payloadOf(message.value)) : undefined;
  const wanted: Value[] = event?.ok ? pipeline.toValues(event.value) : [];
  const columns = event?.ok ? winners.differences(wanted, values, pipeline.table.columns) : [];
  const named = event?.ok ? columns.join(", ") : "the record is no longer there to say in what";
  const older = comparison === "older" ? `an older row, of ${timeOf(writeTime / 1000)}` : "";
  return { id: winners.entries.key(entry), what: [older, named].filter(Boolean).join(": "), columns };
}

function placeOf({ partitions, offsets }: Winners["entries"], entry: number): { partition: number; offset: number } {
  return { partition: partitions[entry]!, offset: offsets[entry]! };
}

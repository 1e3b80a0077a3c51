/** Of several records of one id the one that counts (I4): the latest write time, over all partitions. */
import type { Delivered } from "../broker/broker.ts";
import type { Column, Row, Value } from "../pipeline.ts";
import type { StoredRow } from "../store/store.ts";
import { Entries, printOfValues } from "./verify_entries.ts";

/** How a row compares with the record that counts. `older` has an earlier write time, whatever is in it. */
export type Comparison = "same" | "newer" | "different" | "older";

export class Winners {
  readonly entries: Entries;
  /** By entry, the contents of other records of the same write time: any of them may be the row. */
  readonly #equals = new Map<number, number[]>();
  readonly #uuids: number[];

  /** @param capacity ids at the most */
  constructor(capacity: number, columns: readonly Column[]) {
    this.entries = new Entries(capacity);
    this.#uuids = columns.flatMap(({ type }, n) => type === "uuid" ? n : []);
  }

  /** The row's primary key as the store has it. */
  key({ values }: Pick<Row, "values">): string {
    return this.#uuids.includes(0) ? values[0]!.toLowerCase() : values[0]!;
  }

  offer(row: Row, { partition, offset }: Delivered): void {
    const { entries } = this;
    const before = entries.size;
    const entry = entries.put(this.key(row));
    const print = this.#print(row.values);
    if (entry === before || row.writeTime > entries.times[entry]!) {
      entries.times[entry] = row.writeTime;
      entries.prints[entry] = print;
      entries.partitions[entry] = partition;
      entries.offsets[entry] = Number(offset);
      if (this.#equals.size > 0) this.#equals.delete(entry);
    } else if (row.writeTime === entries.times[entry] && print !== entries.prints[entry]) {
      this.#equals.set(entry, [...this.#equals.get(entry) ?? [], print]);
    }
  }

  compare(entry: number, { values, writeTime }: StoredRow): Comparison {
    const { times, prints } = this.entries;
    // A store that cannot tell the write time says 0: then the content decides.
    if (writeTime !== 0 && writeTime > times[entry]!) return "newer";
    if (writeTime !== 0 && writeTime < times[entry]!) return "older";
    const print = this.#print(values);
    const same = print === prints[entry] || this.#equals.get(entry)?.includes(print);
    return same ? "same" : "different";
  }

  /** Columns in which the two differ. */
  differences(one: readonly Value[], other: readonly Value[], columns: readonly Column[]): string[] {
    const [a, b] = [this.#plain(one), this.#plain(other)];
    return columns.filter((_, n) => a[n] !== b[n]).map(({ name }) => name);
  }

  #print(values: readonly Value[]): number {
    return printOfValues(this.#plain(values));
  }

  /** A UUID is the same in capitals. */
  #plain(values: readonly Value[]): readonly Value[] {
    if (this.#uuids.every((n) => values[n] === null || values[n] === values[n]!.toLowerCase())) return values;
    return values.map((value, n) => this.#uuids.includes(n) ? value?.toLowerCase() ?? null : value);
  }
}

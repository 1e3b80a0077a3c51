/** Where a stream ends by itself: at an offset of each partition, after a number of records, or of refused ones. */
import type { Batch, Delivered, PartitionRange, Position } from "../broker/broker.ts";
import { UserpipeError } from "../errors.ts";

/** The part of a batch that is to be carried. */
export interface Part {
  messages: readonly Delivered[];
  /** The position after the part; undefined where it is the whole batch. */
  next?: bigint;
}

export class Limits {
  /** By partition, the offset at which the stream ends. */
  #ends: Map<number, bigint> | undefined;
  #left: number;

  constructor(maxRecords = Number.POSITIVE_INFINITY) {
    this.#left = maxRecords;
  }

  /** The stream ends when every partition has been carried up to these offsets. */
  endAt(ends: Map<number, bigint>): void {
    this.#ends = ends;
  }

  /** Whether as many records were taken as were asked for. */
  get used(): boolean {
    return this.#left <= 0;
  }

  /** Takes what of the batch lies before the limits, and counts it. */
  take({ partition, messages }: Batch): Part {
    const end = this.#ends?.get(partition);
    let part: Part = { messages };
    const last = messages.at(-1);
    if (end !== undefined && last !== undefined && last.offset >= end) {
      part = { messages: messages.filter(({ offset }) => offset < end), next: end };
    }
    if (part.messages.length > this.#left) {
      const taken = part.messages.slice(0, this.#left);
      part = { messages: taken, next: taken.length === 0 ? messages[0]!.offset : taken.at(-1)!.offset + 1n };
    }
    this.#left -= part.messages.length;
    return part;
  }

  /**
   * The partitions that are not carried to their end yet, as far as this member knows; undefined where there is
   * no end. Those of other members are among them.
   */
  remaining(positions: readonly Position[]): Map<number, bigint> | undefined {
    if (this.#ends === undefined) return undefined;
    const remaining = new Map(this.#ends);
    for (const { partition, acknowledged } of positions) {
      if (acknowledged >= (remaining.get(partition) ?? 0n)) remaining.delete(partition);
    }
    return remaining;
  }
}

/** The ends of the partitions that hold anything. */
export function endsOf(partitions: readonly PartitionRange[]): Map<number, bigint> {
  return new Map(partitions.filter(({ start, end }) => end > start).map(({ partition, end }) => [partition, end]));
}

/** How many refused records a stream bears: a count, or a share of its records in percent. */
export type MaxRefused = { count: number } | { percent: number };

/** A share is judged over this many records at the least, or at the stream's end. */
const LEAST_JUDGED = 1_000;

/** What was carried so far. */
export interface Carried {
  rows: number;
  refused: number;
}

/** Whether more was refused than the stream bears. */
export function refusedTooMany(max: MaxRefused, { rows, refused }: Carried, atEnd: boolean): boolean {
  if ("count" in max) return refused > max.count;
  const records = rows + refused;
  return refused > records * max.percent / 100 && (records >= LEAST_JUDGED || atEnd);
}

/** What a stream checked so far, held against how much it bears. */
export class RefusedLimit {
  readonly #max: MaxRefused | undefined;
  /** With what is under way, as far as it was checked. */
  readonly #seen: Carried;
  #passed = false;

  /** @param carried what a worker before this one carried */
  constructor(max: MaxRefused | undefined, carried: Carried = { rows: 0, refused: 0 }) {
    this.#max = max;
    this.#seen = { ...carried };
  }

  /** Whether more was refused than the stream bears. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Whether that many more records, rows and refused ones, would be too many. */
  wouldPass(rows: number, refused: number, atEnd = false): boolean {
    const { rows: before, refused: refusedBefore } = this.#seen;
    return this.#max !== undefined &&
      refusedTooMany(this.#max, { rows: before + rows, refused: refusedBefore + refused }, atEnd);
  }

  count(rows: number, refused: number): void {
    this.#passed ||= this.wouldPass(rows, refused);
    this.#seen.rows += rows;
    this.#seen.refused += refused;
  }

  /** Nothing more comes. */
  end(): void {
    this.#passed ||= this.wouldPass(0, 0, true);
  }
}

export function tooManyRefused(max: MaxRefused, { rows, refused }: Carried): UserpipeError {
  return new UserpipeError(
    "too-many-refused",
    `Refused ${refused} of ${rows + refused} records, and --max-refused allows ${
      "count" in max ? max.count : `${max.percent}%`
    }`,
    'See why with "userpipe dead-letters". What was carried stays carried: started again, it goes on from there',
  );
}

/** The earlier of two ends of each partition that both name. */
export function earlier(one: Map<number, bigint>, other: Map<number, bigint>): Map<number, bigint> {
  return new Map(Array.from(one, ([partition, end]) => {
    const another = other.get(partition) ?? end;
    return [partition, another < end ? another : end];
  }));
}

/** With a limit of the rate, a batch is a tenth of a second's worth. */
const RATE_BATCHES = 10;
const MAX_BATCH_MESSAGES = 5_000;
/** At least so many batches are under way, so that one that is slow holds up none but its own partition. */
const APPETITE_BATCHES = 16;

/**
 * @param appetite records that the store takes at once
 * @param maxRate records a second
 */
export function maxBatchMessages(appetite: number, maxRate = Infinity): number {
  return Math.min(MAX_BATCH_MESSAGES, Math.ceil(maxRate / RATE_BATCHES), Math.ceil(appetite / APPETITE_BATCHES));
}

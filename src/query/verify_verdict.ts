/** What `verify` found: how many of each, the first ten of each by name, and what it cannot know. */
import type { Range } from "./verify_read.ts";

export type Kind = "missing" | "different" | "newer" | "dead";

/** One record, and what is with it. */
export interface Finding {
  /** The primary key; of a record that has none to be read the message's key, where that is text. */
  id: string | null;
  partition: number;
  offset: number;
  /** For people: what is missing, the columns that differ, why it is dead. */
  what: string;
  /** Of one that is different: the columns that differ. */
  columns?: string[];
}

export interface Verdict {
  /** Nothing is missing or different. */
  ok: boolean;
  /** Records read. They are `rows` + `superseded` + `missing` + `dead` + `expired` and the different dead letters. */
  records: number;
  /** Ids that have a row, be it the same, different or newer. */
  rows: number;
  /** Ids without a row, and refused records without a dead letter. */
  missing: number;
  /** Rows older than the record that counts or not of its content, and dead letters that are not their record's. */
  different: number;
  /** Rows that were written later than the record that counts. */
  newer: number;
  /** Records in the dead letters. */
  dead: number;
  /** Records of an id that has a later one. */
  superseded: number;
  /** Ids without a row whose time to live may have ended: whether they were rows is not known. */
  expired: number;
  /** How many of `missing` and `different` lie at or past the group's position: the stream has not carried them. */
  ahead: number;
  first: Record<Kind, Finding[]>;
  ranges: Range[];
  /** Sentences. */
  unknown: string[];
}

/** Findings that are named of each kind. */
const NAMED = 10;

type Named = Omit<Finding, "partition" | "offset">;
type Awaitable<T> = T | Promise<T>;

/** Counts while the records are gone through. */
export class Tally {
  records = 0;
  rows = 0;
  superseded = 0;
  expired = 0;
  ahead = 0;
  readonly counts: Record<Kind, number> = { missing: 0, different: 0, newer: 0, dead: 0 };
  readonly first: Verdict["first"] = { missing: [], different: [], newer: [], dead: [] };
  readonly #carried: Map<number, bigint | undefined>;

  constructor(ranges: readonly Range[]) {
    this.#carried = new Map(ranges.map(({ partition, carried }) => [partition, carried]));
  }

  /** Counts one; `name` is asked for the first ten. */
  async add(kind: Kind, place: { partition: number; offset: bigint | number }, name: () => Awaitable<Named>) {
    const { partition, offset } = place;
    this.counts[kind]++;
    const wrong = kind === "missing" || kind === "different";
    if (wrong && offset >= (this.#carried.get(partition) ?? 0n)) this.ahead++;
    if (this.first[kind].length === NAMED) return;
    const { id, ...more } = await name();
    this.first[kind].push({ id, partition, offset: Number(offset), ...more });
  }
}

/** @param lettersRemoved dead letters that retention removed */
export function verdictOf(tally: Tally, ranges: Range[], lettersRemoved: bigint): Verdict {
  const { counts, first, records, rows, superseded, expired, ahead } = tally;
  const ok = counts.missing === 0 && counts.different === 0;
  const unknown = unknownOf(ranges, lettersRemoved, expired);
  return { ok, records, rows, ...counts, superseded, expired, ahead, first, ranges, unknown };
}

function unknownOf(ranges: readonly Range[], lettersRemoved: bigint, expired: number): string[] {
  const of = (key: "removed" | "gone" | "left") => {
    const some = ranges.filter((range) => range[key] > 0n);
    return some.length === 0
      ? undefined
      : some.map((range) => `${range[key]} of partition ${range.partition}`).join(", ");
  };
  const [removed, gone, left] = [of("removed"), of("gone"), of("left")];
  const sentences = [
    removed &&
    `Retention has removed offsets from the topic's start: ${removed}. Whether those records are rows is not known.`,
    gone && `Retention removed offsets before they were read: ${gone}. Whether those records are rows is not known.`,
    left && `Not compared, past the group's position: ${left}.`,
    lettersRemoved > 0n &&
    `Retention has removed ${lettersRemoved} offsets from the dead-letter topic: refused records of theirs are among the missing.`,
    expired > 0 &&
    `${expired} ids have no row and their record is older than --ttl: whether they were rows that expired is not known.`,
  ];
  return sentences.filter((sentence) => typeof sentence === "string");
}

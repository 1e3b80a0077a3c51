/** The dead letters of the records that `verify` looks at: which records they are of, and which were replayed. */
import type { Broker, Delivered } from "../broker/broker.ts";
import { UserpipeError } from "../errors.ts";
import { isMarker } from "../stream/letter.ts";
import { Entries, printOfBytes } from "./verify_entries.ts";
import { offsetsIn, type Range, readOne, readRange, wholeOf } from "./verify_read.ts";

/** Dead letters that are held at the most, about 80 bytes each. */
const MOST_LETTERS = 1_000_000;

/**
 * What the dead letters say of a record: it is dead; it was and has been replayed; there is none of its place and time; or
 * the one there has another content.
 */
export type Fate = "dead" | "replayed" | "none" | "another";

export class Letters {
  readonly #broker: Broker;
  readonly #topic: string;
  /** By place and time of the record: a topic that was made again has old places. The place kept is the letter's own. */
  readonly #entries: Entries;
  readonly #replayed = new Set<number>();
  /** Sizes of the values that were cut to fit, whole and kept: few, since those are large. */
  readonly #cut = new Map<number, { whole: number; kept: number }>();
  /** Dead letters that retention removed; the topic should keep them for ever. */
  readonly removed: bigint;

  private constructor(broker: Broker, topic: string, ranges: readonly Range[]) {
    this.#broker = broker;
    this.#topic = topic;
    this.#entries = new Entries(Math.min(MOST_LETTERS, offsetsIn(ranges)));
    this.removed = ranges.reduce((sum, { removed }) => sum + removed, 0n);
  }

  /**
   * Reads the dead-letter topic to what its end is now, and keeps the letters of the records in `ranges` of `of`. A
   * topic that is not there holds none.
   * @throws {UserpipeError} `query` for more than can be held
   */
  static async read(
    options: { broker: Broker; topic: string; of: string; ranges: readonly Range[]; signal: AbortSignal },
  ): Promise<Letters> {
    const { broker, topic, of, ranges, signal } = options;
    const own = await partitionsOf(broker, topic);
    const letters = new Letters(broker, topic, own);
    const wanted = new Map(ranges.map((range) => [range.partition, range]));
    for (const range of own) {
      for await (const messages of readRange(broker, topic, range)) {
        signal.throwIfAborted();
        for (const message of messages) {
          const at = placeIn(message.key, of);
          const among = at && wanted.get(at.partition);
          if (at && among && lastOf(at, message) >= among.from && at.offset < among.until) letters.#take(at, message);
        }
      }
    }
    return letters;
  }

  get size(): number {
    return this.#entries.size;
  }

  fateOf(message: Delivered): Fate {
    const entry = this.size === 0 ? -1 : this.#entries.find(nameOf(message));
    if (entry < 0) return "none";
    if (!this.#isOf(entry, message.value)) return "another";
    return this.#replayed.has(entry) ? "replayed" : "dead";
  }

  /** Why the record was refused, as its dead letter says. */
  async reasonOf(message: Delivered): Promise<string> {
    const entry = this.#entries.find(nameOf(message));
    const { partitions, offsets } = this.#entries;
    const letter = await readOne(this.#broker, this.#topic, partitions[entry]!, BigInt(offsets[entry]!));
    const reason = letter?.headers["userpipe-reason"];
    return reason === undefined ? "no reason is given" : utf8.decode(reason);
  }

  #take(at: Place, letter: Delivered): void {
    const name = nameOf({ ...at, timestamp: numberIn(letter, "userpipe-timestamp") });
    const entries = this.#entries;
    if (isMarker(letter)) {
      const entry = entries.find(name);
      if (entry >= 0) this.#replayed.add(entry);
      return;
    }
    if (entries.full && entries.find(name) < 0) throw tooMany(this.#topic);
    const entry = entries.put(name);
    entries.prints[entry] = printOfBytes(letter.value);
    entries.partitions[entry] = letter.partition;
    entries.offsets[entry] = Number(letter.offset);
    this.#replayed.delete(entry);
    const whole = numberIn(letter, "userpipe-cut");
    if (Number.isNaN(whole)) this.#cut.delete(entry);
    else this.#cut.set(entry, { whole, kept: letter.value?.length ?? 0 });
  }

  #isOf(entry: number, value: Uint8Array | null): boolean {
    const cut = this.#cut.get(entry);
    if (cut !== undefined && cut.whole !== value?.length) return false;
    return this.#entries.prints[entry] === printOfBytes(cut === undefined ? value : value!.subarray(0, cut.kept));
  }
}

interface Place {
  partition: number;
  offset: bigint;
}

const utf8 = new TextDecoder();

function nameOf({ partition, offset, timestamp }: Place & { timestamp: number }): string {
  return `${partition}/${offset}/${timestamp}`;
}

/** The place in a letter's key, `topic/partition/offset`; undefined for one of the source or of another topic. */
function placeIn(key: Uint8Array | null, topic: string): Place | undefined {
  const text = key === null ? "" : utf8.decode(key);
  if (!text.startsWith(`${topic}/`)) return undefined;
  const [, partition, offset] = /^(\d+)\/(\d+)$/.exec(text.slice(topic.length + 1)) ?? [];
  return partition === undefined ? undefined : { partition: Number(partition), offset: BigInt(offset!) };
}

/** The last offset that a letter stands for: its record's, or that of several that could not be read. */
function lastOf({ offset }: Place, letter: Delivered): bigint {
  const last = numberIn(letter, "userpipe-last-offset");
  return Number.isSafeInteger(last) ? BigInt(last) : offset;
}

/** NaN where there is no such header. */
function numberIn({ headers }: Delivered, name: string): number {
  const bytes = headers[name];
  return bytes === undefined ? NaN : Number(utf8.decode(bytes));
}

async function partitionsOf(broker: Broker, topic: string): Promise<Range[]> {
  try {
    return (await broker.partitions(topic)).map(wholeOf);
  } catch (error) {
    if (error instanceof UserpipeError && error.code === "topic-missing") return [];
    throw error;
  }
}

function tooMany(topic: string): UserpipeError {
  return new UserpipeError(
    "query",
    `"${topic}" has more than ${MOST_LETTERS} dead letters of what is compared`,
    "Compare less at once, with --from and --until",
  );
}

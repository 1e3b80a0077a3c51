/** Ends in memory for `verify`: a topic of given messages, a table of given rows, and a domain of two texts. */
import type { Broker, Delivered } from "../../src/broker/broker.ts";
import type { Pipeline, Value } from "../../src/pipeline.ts";
import { verify, type VerifyOptions } from "../../src/query/verify.ts";
import type { Verdict } from "../../src/query/verify_verdict.ts";
import type { Store, StoredRow } from "../../src/store/store.ts";
import { encodeDeadLetter, type Stage } from "../../src/stream/dead_letters.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const columns = [{ name: "word", type: "text" }, { name: "colour", type: "text" }, {
  name: "note",
  type: "text",
}] as const;

/** `word=colour`, and `word=colour=note`; anything else is refused. */
export const words: Pipeline<string, string[]> = {
  ...{ name: "words", noun: "word", glance: [] },
  topic: "words",
  table: { keyspace: "k", name: "t", columns },
  maxResults: 10,
  schemaVersion: "1",
  request: () => new URL("http://localhost"),
  unwrap: () => ({ ok: true, value: [] }),
  check: () => ({ ok: false, reason: "not used" }),
  normalise: (raw) => raw.split("="),
  generate: () => [],
  key: ([word]) => word!,
  encode: (parts) => encoder.encode(parts.join("=")),
  decode: (bytes) => {
    const parts = decoder.decode(bytes).split("=");
    return parts.length > 1 ? { ok: true, value: parts } : { ok: false, reason: "no colour" };
  },
  toValues: ([word, colour, note]): Value[] => [word!, colour!, note ?? null],
  plain: false,
  facets: [],
};

/** The time of every message that is given none, in ms. */
export const AT = 1_700_000_000_000;

/** A message of partition 0, unless `more` says otherwise. */
export function message(offset: number, value: string | null, more: Partial<Delivered> = {}): Delivered {
  const key = encoder.encode(value?.split("=")[0] ?? "");
  const bytes = value === null ? null : encoder.encode(value);
  return { partition: 0, offset: BigInt(offset), key, value: bytes, headers: {}, timestamp: AT, ...more };
}

/** The write time of a message at `offset` in µs (I4). */
export function timeAt(offset: number, timestamp = AT): number {
  return timestamp * 1000 + offset % 1000;
}

/** The row that a message makes. */
export function row(offset: number, value: string, timestamp = AT): StoredRow {
  return { values: words.toValues(value.split("=")), writeTime: timeAt(offset, timestamp) };
}

/** Letters and markers in the order of their topic. */
export class DeadLetterTopic {
  readonly messages: Delivered[] = [];

  add(of: Delivered, stage: Stage = "stream", reason = "no colour", more: Record<string, string> = {}): void {
    const { partition, offset, timestamp } = of;
    const texts = { partition: String(partition), offset: String(offset), timestamp: String(timestamp) };
    const place = Object.fromEntries(Object.entries(texts).map(([name, text]) => [`userpipe-${name}`, text]));
    const letter = { message: of, reason, stage, at: `words/${partition}/${offset}`, place: { ...place, ...more } };
    this.#push(encodeDeadLetter(letter, AT));
  }

  /** What follows the letter of that message once it was replayed. */
  mark({ partition, offset, timestamp }: Delivered): void {
    const headers = {
      "userpipe-replayed": encoder.encode("0"),
      "userpipe-timestamp": encoder.encode(String(timestamp)),
    };
    this.#push({ key: encoder.encode(`words/${partition}/${offset}`), value: null, headers, timestamp: AT });
  }

  #push(message: Omit<Delivered, "partition" | "offset">): void {
    this.messages.push({ ...message, partition: 0, offset: BigInt(this.messages.length) });
  }
}

export interface Given {
  messages?: readonly Delivered[];
  letters?: DeadLetterTopic;
  rows?: readonly StoredRow[];
  /** Where the group stands in partition 0. */
  committed?: number;
  /** Whatever else the options or the broker should be. */
  options?: Partial<VerifyOptions>;
  broker?: Partial<Broker>;
}

export function brokerOf({ messages = [], letters, committed, broker }: Given): Broker {
  const inTopic = (topic: string) => topic === "words" ? messages : letters?.messages ?? [];
  const made = {
    name: "the broker in memory",
    partitions: async (topic: string) => {
      const numbers = [...new Set([0, ...inTopic(topic).map(({ partition }) => partition)])].sort();
      return numbers.map((partition) => {
        const own = inTopic(topic).filter((each) => each.partition === partition);
        return { partition, start: own[0]?.offset ?? 0n, end: (own.at(-1)?.offset ?? -1n) + 1n };
      });
    },
    committed: async () => new Map(committed === undefined ? [] : [[0, BigInt(committed)]]),
    offsetsAt: async (topic: string, timestamp: number) => {
      const first = inTopic(topic).find((each) => each.timestamp >= timestamp);
      return new Map([[0, first?.offset ?? BigInt(inTopic(topic).length)]]);
    },
    // Two at a time: a range is read in slices.
    read: async (topic: string, partition: number, offset: bigint) => {
      const own = inTopic(topic).filter((each) => each.partition === partition);
      const found = own.filter((each) => each.offset >= offset).slice(0, 2);
      return { messages: found, next: (found.at(-1)?.offset ?? offset - 1n) + 1n, end: 0n };
    },
    ...broker,
  };
  return made as unknown as Broker;
}

export function storeOf(rows: readonly StoredRow[]): Store {
  return {
    check: async () => ({ component: "store", ok: true, detail: "" }),
    get: async (keys: readonly string[]) => rows.filter(({ values }) => keys.includes(values[0]!)),
  } as unknown as Store;
}

/** Compares the two. */
export function compare(given: Given): Promise<Verdict> {
  return verify({
    pipeline: words,
    broker: brokerOf(given),
    store: storeOf(given.rows ?? []),
    topic: "words",
    group: "g",
    deadLetterTopic: "words.dlq",
    from: "earliest",
    until: "end",
    signal: new AbortController().signal,
    ...given.options,
  });
}

/** What was counted, without what is none. */
export function counts(verdict: Verdict): Record<string, number> {
  return Object.fromEntries(Object.entries(verdict).filter(([, value]) => typeof value === "number" && value > 0));
}

/** Messages of the topic, read as `peek` reads them, and searched by their key from the newest back. */
import type { Broker, Delivered, PartitionRange } from "../../broker/broker.ts";
import { backwards } from "../../query/backwards.ts";
import { chosenPartitions, keyFilter, peek, type PeekOptions, readBlock } from "../../query/peek.ts";
import { Refused } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import type { Message } from "../page/types.ts";
import { messagesOf } from "./message_text.ts";
import { perServer } from "./shared.ts";

/** Messages in one answer. */
export const MOST_LISTED = 500;
/** A search by key looks at so many messages, from the newest back. */
export const MOST_SEARCHED = 20_000;

export interface MessageQuery {
  partition?: number;
  /** From this offset of the partition on. */
  offset?: bigint;
  /** From the first message of this time (ms since the epoch) on. */
  at?: number;
  /** The newest of this key, among the last {@linkcode MOST_SEARCHED}. */
  key?: string;
  limit: number;
}

export interface Messages {
  /** Newest first, unless they are those from an offset or a time on. */
  messages: Message[];
  /** Whether there are more behind them; of a search, whether it ended before all of the topic was looked at. */
  more: boolean;
}

/** @throws {UserpipeError} as `peek` */
export async function messages(deps: ApiDeps, query: MessageQuery): Promise<Messages> {
  const { names: { pipeline, topic } } = deps;
  const { found, more } = query.key === undefined ? await listed(deps, query) : await searched(deps, query, query.key);
  return { messages: messagesOf(found, { pipeline, topic, whole: false }), more };
}

interface Found {
  found: Delivered[];
  more: boolean;
}

async function listed({ ends, names: { topic }, stop }: ApiDeps, query: MessageQuery): Promise<Found> {
  const { partition, offset, at, limit } = query;
  const broker = await ends.broker();
  // One more than is shown tells whether there are more.
  const options = { broker, topic, partition, max: limit + 1, follow: false, signal: stop };
  if (offset === undefined && at === undefined) {
    const newest = await read({ ...options, start: "newest" });
    return { found: newest.reverse().slice(0, limit), more: newest.length > limit };
  }
  if (offset !== undefined) {
    const found = await read({ ...options, start: { offset } });
    return { found: found.slice(0, limit), more: found.length > limit };
  }
  // Of each partition so many, since those of one would leave no room for the others.
  const found: Delivered[] = [];
  for (const { partition } of chosenPartitions(await broker.partitions(topic), options)) {
    found.push(...await read({ ...options, partition, start: { timestamp: at! } }));
  }
  return { found: found.sort(oldestFirst).slice(0, limit), more: found.length > limit };
}

function oldestFirst(a: Delivered, b: Delivered): number {
  return a.timestamp - b.timestamp || Number(a.offset - b.offset);
}

async function read(options: PeekOptions): Promise<Delivered[]> {
  const found: Delivered[] = [];
  for await (const page of peek(options)) found.push(...page);
  return found;
}

async function searched({ ends, names: { topic } }: ApiDeps, query: MessageQuery, key: string): Promise<Found> {
  const broker = await ends.broker();
  const ranges = chosenPartitions(await broker.partitions(topic), { topic, partition: query.partition });
  const isOfKey = keyFilter(key);
  const found: Delivered[] = [];
  let looked = 0;
  for await (const message of backwards({ broker, topic, ranges, most: MOST_SEARCHED })) {
    looked++;
    if (!isOfKey(message)) continue;
    found.push(message);
    if (found.length > query.limit) return { found: found.slice(0, query.limit), more: true };
  }
  return { found, more: looked === MOST_SEARCHED };
}

/** One message whole. @throws {Refused} where there is none */
export async function message(deps: ApiDeps, partition: number, offset: bigint): Promise<Message> {
  const { ends, names: { pipeline, topic }, stop } = deps;
  const broker = await ends.broker();
  const start = { offset };
  const [found] = await read({ broker, topic, partition, max: 1, start, follow: false, signal: stop });
  if (found === undefined || !isAt(found, offset)) throw await noMessage(broker, topic, partition, offset);
  return messagesOf([found], { pipeline, topic, whole: true })[0]!;
}

/** What stands for several that cannot be read is at each of their offsets. */
function isAt({ offset, unreadable }: Delivered, wanted: bigint): boolean {
  return offset <= wanted && wanted <= (unreadable?.last ?? offset);
}

async function noMessage(broker: Broker, topic: string, partition: number, offset: bigint): Promise<Refused> {
  const range = (await broker.partitions(topic)).find((each) => each.partition === partition);
  const why = range === undefined || (range.start <= offset && offset < range.end)
    ? "Compaction or a transaction has passed it over"
    : offset < range.start
    ? `Retention has removed it: the partition begins at ${range.start}`
    : `It is not there yet: the partition ends at ${range.end}`;
  return new Refused(404, "not-found", `There is no message at ${partition}/${offset} of "${topic}"`, why);
}

const tails = perServer(({ ends, names: { topic } }) => new Tail(ends.broker, topic));

/** The newest messages, `most` at the most, in the order of their time: for whoever follows the topic. */
export async function newestMessages(deps: ApiDeps, most: number): Promise<Message[]> {
  const { names: { pipeline, topic } } = deps;
  return messagesOf(await tails(deps).newest(most), { pipeline, topic, whole: false });
}

/** Follows the ends of the partitions: however many messages come, a few are read. */
class Tail {
  readonly #broker: () => Promise<Broker>;
  readonly #topic: string;
  #ends = new Map<number, bigint>();
  #last: Delivered[] = [];

  constructor(broker: () => Promise<Broker>, topic: string) {
    this.#broker = broker;
    this.#topic = topic;
  }

  async newest(most: number): Promise<Delivered[]> {
    const broker = await this.#broker();
    const ranges = await broker.partitions(this.#topic);
    const moved = ranges.filter(({ partition, start, end }) => end > start && this.#ends.get(partition) !== end);
    // Of many partitions others each time.
    const chosen = moved.sort(() => Math.random() - 0.5).slice(0, most);
    const share = BigInt(Math.ceil(most / Math.max(1, chosen.length)));
    // A topic that was made again has none of those before.
    const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
    const last = this.#last.filter(({ partition, offset }) => offset < (ends.get(partition) ?? 0n));
    for (const range of chosen) {
      last.push(...await this.#newOf(broker, range, share));
      this.#ends.set(range.partition, range.end);
    }
    return this.#last = last.sort(oldestFirst).slice(-most);
  }

  async #newOf(broker: Broker, { partition, start, end }: PartitionRange, share: bigint): Promise<Delivered[]> {
    const known = this.#ends.get(partition) ?? 0n;
    const first = known > start && known < end ? known : start;
    const from = end - share < first ? first : end - share;
    return await readBlock(broker, this.#topic, partition, from, end, () => true);
  }
}

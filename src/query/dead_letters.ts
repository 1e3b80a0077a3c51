/**
 * The dead letters that wait, read without a consumer group. They are folded by key: the last message of a record
 * says what it is, a letter that waits or the marker that it was replayed; copies before it count for nothing.
 */
import { sleep } from "../backoff.ts";
import type { Broker, Delivered } from "../broker/broker.ts";
import { UserpipeError } from "../errors.ts";
import { isMarker, type Letter, letterOf } from "../stream/letter.ts";
import { textOf } from "./bytes.ts";

/**
 * Messages of the topic that are folded at a time: the limit of what is held. A longer topic is folded in turns,
 * each of which reads the rest of the topic for what follows.
 */
export const MOST_HELD = 100_000;
/** Rows of a listing at the most. */
export const MOST_ROWS = MOST_HELD;
/** Different reasons that are counted by themselves at the most; the others are counted together. */
const MOST_REASONS = 1_000;
const OTHERS = "(all other reasons)";

const READ = { maxBytes: 1024 * 1024, maxWaitMs: 250 };
/** So often a read may give nothing before the topic's end, with a wait of `EMPTY_MS` between. */
const MOST_EMPTY = 20;
const EMPTY_MS = 50;

export interface LettersOptions {
  broker: Broker;
  /** The dead-letter topic. */
  topic: string;
  /** Only letters with this text in their reason, in capitals or not. */
  reason?: string;
  /** Only letters at this offset. */
  offset?: bigint;
  /** {@linkcode MOST_HELD} where it is left out. */
  mostHeld?: number;
}

/** A part of the topic, folded. */
export interface Fold {
  partition: number;
  /** The letters of this part that wait, in the order of the topic. */
  waiting: Letter[];
  /** Letters of this part that were replayed. */
  replayed: number;
}

/** A letter, and the message that it is. */
export interface WaitingLetter {
  letter: Letter;
  message: Delivered;
}

export interface Listing {
  /** Most first. */
  reasons: { count: number; stage: Letter["stage"]; reason: string }[];
  /** How many wait, by what refused them. */
  stages: Record<Letter["stage"], number>;
  /** Newest first. */
  newest: Letter[];
  waiting: number;
  replayed: number;
}

/** Counts by reason, and the newest `max` letters that wait. @throws {UserpipeError} as the broker's `read` */
export async function listLetters(options: LettersOptions, max: number): Promise<Listing> {
  const reasons = new Map<string, Listing["reasons"][number]>();
  const stages = { source: 0, stream: 0, store: 0, unknown: 0 };
  const listing: Listing = { reasons: [], stages, newest: [], waiting: 0, replayed: 0 };
  for await (const { waiting, replayed } of folds(options)) {
    for (const letter of waiting) {
      count(reasons, letter);
      stages[letter.stage]++;
    }
    listing.waiting += waiting.length;
    listing.replayed += replayed;
    listing.newest = [...listing.newest, ...waiting].sort(newestFirst).slice(0, max);
  }
  listing.reasons = [...reasons.values()].sort((a, b) => b.count - a.count);
  return listing;
}

/** The letters that wait, oldest first, whole and in pages of about a MiB. What is added meanwhile is not among them. */
export async function* waitingLetters(options: LettersOptions): AsyncIterable<WaitingLetter[]> {
  const { broker, topic } = options;
  for await (const { partition, waiting } of folds(options)) {
    if (waiting.length === 0) continue;
    const letters = new Map(waiting.map((letter) => [letter.offset, letter]));
    const end = waiting.at(-1)!.offset + 1n;
    for await (const messages of slices(broker, topic, partition, waiting[0]!.offset, end)) {
      const page = messages.filter(({ offset }) => letters.has(offset));
      if (page.length > 0) yield page.map((message) => ({ message, letter: letters.get(message.offset)! }));
    }
  }
}

/**
 * The dead letters at an offset, of each partition that has one there: of the one partition that the topic has
 * unless somebody else made it.
 * @throws {UserpipeError} `usage` where there is none
 */
export async function lettersAt(broker: Broker, topic: string, offset: bigint): Promise<WaitingLetter[]> {
  const ranges = await broker.partitions(topic);
  const found: Delivered[] = [];
  for (const { partition, start, end } of ranges) {
    if (offset < start || offset >= end) continue;
    for await (const messages of slices(broker, topic, partition, offset, offset + 1n)) found.push(...messages);
  }
  const letters = found.filter((message) => !isMarker(message));
  if (letters.length > 0) return letters.map((message) => ({ message, letter: letterOf(message) }));
  const [marker] = found;
  if (marker === undefined) {
    throw new UserpipeError(
      "usage",
      `There is no dead letter at offset ${offset} of "${topic}"`,
      'Run "userpipe dead-letters" to see which there are',
    );
  }
  const replayed = textOf(marker.headers["userpipe-replayed"]!);
  throw new UserpipeError(
    "usage",
    `At offset ${offset} of "${topic}" is no dead letter, but the marker that ${replayed} was replayed`,
    `See that one: userpipe dead-letters show ${replayed}`,
  );
}

function count(reasons: Map<string, Listing["reasons"][number]>, { stage, reason }: Letter): void {
  const key = `${stage} ${reason}`;
  const known = reasons.get(key) ?? (reasons.size < MOST_REASONS ? undefined : reasons.get(OTHERS));
  if (known !== undefined) known.count++;
  else if (reasons.size < MOST_REASONS) reasons.set(key, { count: 1, stage, reason });
  else reasons.set(OTHERS, { count: 1, stage: "unknown", reason: OTHERS });
}

function newestFirst(a: Letter, b: Letter): number {
  if (a.partition === b.partition) return a.offset < b.offset ? 1 : -1;
  return b.refusedAt - a.refusedAt;
}

/** The whole topic as it is now, folded part by part. */
async function* folds({ broker, topic, reason, offset, mostHeld = MOST_HELD }: LettersOptions): AsyncIterable<Fold> {
  const wanted = reason?.toLowerCase();
  for (const { partition, start, end } of await broker.partitions(topic)) {
    for (let from = start; from < end; from += BigInt(mostHeld)) {
      const part = new PartFold(from + BigInt(mostHeld));
      for await (const messages of slices(broker, topic, partition, from, end)) messages.forEach(part.see, part);
      const kept = part.waiting().filter((each) =>
        (wanted === undefined || each.reason.toLowerCase().includes(wanted)) &&
        (offset === undefined || each.offset === offset)
      );
      yield { partition, waiting: kept, replayed: part.replayed };
    }
  }
}

/** Folds the messages up to an offset by those that follow, to the topic's end. */
class PartFold {
  readonly #held = new Map<string, Letter[]>();
  /** Letters have few reasons and topics: one text for all of the same. */
  readonly #texts = new Map<string, string>();
  readonly #to: bigint;
  replayed = 0;

  /** @param to letters from this offset on only take away those before it */
  constructor(to: bigint) {
    this.#to = to;
  }

  see(message: Delivered): void {
    // A message without a key is nobody's copy.
    const at = message.key === null ? `offset ${message.offset}` : textOf(message.key);
    const before = this.#held.get(at);
    const inside = message.offset < this.#to;
    if (before === undefined && !inside) return;
    const marker = isMarker(message);
    const letter = letterOf(message);
    // A marker that names no time is of every letter of its key.
    const left = before?.filter(({ time }) => time !== letter.time && !(marker && letter.time === undefined)) ?? [];
    if (marker) this.replayed += (before?.length ?? 0) - left.length;
    else if (inside) left.push(this.#slim(letter));
    if (left.length > 0) this.#held.set(at, left);
    else this.#held.delete(at);
  }

  waiting(): Letter[] {
    return [...this.#held.values()].flat().sort((a, b) => a.offset < b.offset ? -1 : 1);
  }

  #slim(letter: Letter): Letter {
    letter.reason = this.#sole(letter.reason);
    if (letter.topic !== undefined) letter.topic = this.#sole(letter.topic);
    return letter;
  }

  #sole(text: string): string {
    const known = this.#texts.get(text);
    if (known === undefined) this.#texts.set(text, text);
    return known ?? text;
  }
}

/** The messages of a partition between two offsets. A read that gives nothing is no end: that would be a silent gap. */
async function* slices(
  broker: Broker,
  topic: string,
  partition: number,
  from: bigint,
  to: bigint,
): AsyncIterable<Delivered[]> {
  let empty = 0;
  for (let at = from; at < to;) {
    const { messages, next } = await broker.read(topic, partition, at, READ);
    if (messages.length > 0) yield messages.filter(({ offset }) => offset < to);
    if (next > at) {
      empty = 0;
    } else if (++empty > MOST_EMPTY) {
      throw new UserpipeError(
        "broker-unreachable",
        `${broker.name} gives nothing of "${topic}" from offset ${at} on, though it ends at ${to}`,
        "Try again; if it stays so, look at the broker's log",
      );
    } else {
      await sleep(EMPTY_MS);
    }
    at = next;
  }
}

/**
 * Dead letters put through again: one of the stream or the store straight into the store, with its first time and
 * offset, so that other readers of the topic see no double; one of the source to the topic.
 */
import type { Broker, Delivered, Message } from "../broker/broker.ts";
import { fault } from "../fault.ts";
import { publishAll, type Publisher } from "../ingest/publish.ts";
import type { Pipeline, Result, Row } from "../pipeline.ts";
import { textOf } from "../query/bytes.ts";
import { type WaitingLetter, waitingLetters } from "../query/dead_letters.ts";
import { Slab } from "../slab.ts";
import type { Store } from "../store/store.ts";
import { payloadOf } from "../wire_format.ts";
import { type Letter, markerOf, originalOf, recordOf } from "./letter.ts";
import { checkMessages } from "./rows.ts";
import type { Schemas } from "./schemas.ts";
import { Writer } from "./writer.ts";

export interface ReplayOptions {
  pipeline: Pipeline;
  broker: Broker;
  /** Takes what goes to a topic. */
  publisher: Publisher;
  store: Store;
  /** By which schema ids are looked up, and what is published has one. */
  schemas?: Schemas;
  topic: string;
  deadLetterTopic: string;
  /** Only letters with this text in their reason. */
  reason?: string;
  /** Only the letter at this offset of the dead-letter topic. */
  offset?: bigint;
  /** Checks, and writes and publishes nothing; what the store or the topic would refuse is not found. */
  dryRun: boolean;
  /** Ends behind the letters that are under way. */
  stop: AbortSignal;
  /** Gives up what is under way. */
  abort: AbortSignal;
  onRefused: (letter: Letter, reason: string) => void;
  onProgress: (counts: ReplayCounts) => void;
}

export interface ReplayCounts {
  /** Written into the store. */
  rows: number;
  /** Published to the topic. */
  published: number;
  /** Refused again: they stay as they are. */
  refused: number;
  /** Of another topic than this one: left alone. */
  elsewhere: number;
}

/**
 * Replays the letters that wait now. Killed in between, those without a marker are done again, which changes nothing (I4).
 * @throws {UserpipeError} what waiting cannot cure, and of the broker all; store and registry are waited for once they have answered
 */
export async function replayLetters(options: ReplayOptions): Promise<ReplayCounts> {
  const { broker, deadLetterTopic, reason, offset, stop, onProgress } = options;
  const counts: ReplayCounts = { rows: 0, published: 0, refused: 0, elsewhere: 0 };
  const replay = new Replay(options, counts);
  // One that does not answer at the start is most likely a wrong address: said at once, not waited for.
  await options.schemas?.registry.reach();
  for await (const page of waitingLetters({ broker, topic: deadLetterTopic, reason, offset })) {
    if (stop.aborted) break;
    await replay.page(page);
    onProgress(counts);
  }
  return counts;
}

/** What a page comes to once it is checked. */
interface Prepared {
  rows: Row[];
  /** The letter behind `rows[i]`. */
  ofRows: WaitingLetter[];
  messages: Message[];
  /** The letter behind `messages[i]`. */
  ofMessages: WaitingLetter[];
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #counts: ReplayCounts;
  readonly #writer: Writer;
  #answered = false;

  constructor(options: ReplayOptions, counts: ReplayCounts) {
    this.#options = options;
    this.#counts = counts;
    this.#writer = new Writer(options.store, options.abort);
  }

  async page(page: readonly WaitingLetter[]): Promise<void> {
    const { publisher, deadLetterTopic, dryRun } = this.#options;
    const { rows, ofRows, messages, ofMessages } = await this.#prepare(page);
    const written = dryRun ? ofRows : await this.#write(rows, ofRows);
    this.#writer.outage.settle({ now: true });
    const published = dryRun ? ofMessages : await this.#publish(messages, ofMessages);
    const done = [...written, ...published];
    if (!dryRun && done.length > 0) {
      fault("mid-replay");
      const now = Date.now();
      await publisher.publish(deadLetterTopic, done.map(({ message }) => markerOf(message, now)));
    }
    this.#counts.rows += written.length;
    this.#counts.published += published.length;
  }

  async #prepare(page: readonly WaitingLetter[]): Promise<Prepared> {
    const { pipeline, topic, schemas, abort } = this.#options;
    const fromSource = page.some(({ letter }) => letter.stage === "source");
    const prefix = fromSource ? await schemas?.prefix() : undefined;
    const prepared: Prepared = { rows: [], ofRows: [], messages: [], ofMessages: [] };
    const records = new Map<Delivered, WaitingLetter>();
    for (const waiting of page) {
      const { letter } = waiting;
      if (letter.topic !== undefined && letter.topic !== topic) {
        this.#counts.elsewhere++;
        continue;
      }
      const { ofTopic, ofSource, refused } = madeOf(pipeline, waiting, prefix);
      if (ofTopic !== undefined) {
        records.set(ofTopic, waiting);
      } else if (ofSource !== undefined) {
        prepared.messages.push(ofSource);
        prepared.ofMessages.push(waiting);
      } else {
        this.#refuse(letter, refused!);
      }
    }
    const badSchemas = await schemas?.refused([...records.keys()], abort);
    const checked = checkMessages(pipeline, topic, [...records.keys()], Date.now(), { badSchemas });
    for (const { message, reason } of checked.refused) this.#refuse(records.get(message as Delivered)!.letter, reason);
    prepared.rows = checked.rows;
    prepared.ofRows = checked.messages.map((message) => records.get(message)!);
    return prepared;
  }

  async #write(rows: readonly Row[], letters: readonly WaitingLetter[]): Promise<WaitingLetter[]> {
    if (rows.length > 0) await this.#storeAnswers();
    const refused = await this.#writer.write(rows);
    return this.#without(letters, refused);
  }

  async #publish(messages: readonly Message[], letters: readonly WaitingLetter[]): Promise<WaitingLetter[]> {
    const { publisher, topic } = this.#options;
    const { tooLarge } = await publishAll(publisher, topic, messages);
    return this.#without(letters, tooLarge);
  }

  #without(letters: readonly WaitingLetter[], refused: { index: number; reason: string }[]): WaitingLetter[] {
    for (const { index, reason } of refused) this.#refuse(letters[index]!.letter, reason);
    const left = new Set(refused.map(({ index }) => index));
    return letters.filter((_, index) => !left.has(index));
  }

  /** The letter stays: no second one is made of it (I3). */
  #refuse(letter: Letter, reason: string): void {
    this.#counts.refused++;
    this.#options.onRefused(letter, reason);
  }

  /** A store that does not answer at the start is most likely a wrong address: said at once, not waited for. */
  async #storeAnswers(): Promise<void> {
    if (this.#answered) return;
    const checked = await this.#options.store.check();
    if (!checked.ok) throw checked.error;
    this.#answered = true;
  }
}

/** What a letter is replayed as, or why it is not. */
interface Made {
  ofTopic?: Delivered;
  ofSource?: Message;
  refused?: string;
}

function madeOf(pipeline: Pipeline, waiting: WaitingLetter, prefix: Uint8Array | undefined): Made {
  const { stage, cut, lastOffset, reason } = waiting.letter;
  if (stage === "unknown") return { refused: "it is no dead letter of userpipe" };
  if (lastOffset !== undefined) {
    return { refused: `it is no record but several that could not be read (${reason}). Ask their writer for them` };
  }
  if (cut !== undefined) {
    return { refused: `its value was cut: of ${cut} bytes only the first are kept. Fetch the record again` };
  }
  if (stage === "source") {
    const made = messageOf(pipeline, waiting, prefix);
    return made.ok ? { ofSource: made.value } : { refused: made.reason };
  }
  const made = recordOf(waiting.message);
  return made.ok ? { ofTopic: made.value } : { refused: made.reason };
}

/**
 * The message that a letter of the source becomes. Its time is now, not that of its fetch: retention could remove an
 * old one before it is carried.
 */
function messageOf(
  pipeline: Pipeline,
  { letter, message }: WaitingLetter,
  prefix: Uint8Array | undefined,
): Result<Message> {
  const original = { ...originalOf(message), timestamp: Date.now() };
  if (original.value === null) return { ok: false, reason: "it has no value" };
  // One that names its topic was normalised already, and that topic did not take it.
  if (letter.topic === undefined) return normalised(pipeline, original, original.value, prefix);
  const event = pipeline.decode(payloadOf(original.value));
  return event.ok ? { ok: true, value: original } : event;
}

const encoder = new TextEncoder();
const slab = new Slab();

/** A record of the source as ingest would publish it. */
function normalised(
  pipeline: Pipeline,
  { headers, timestamp }: Message,
  value: Uint8Array,
  prefix: Uint8Array | undefined,
): Result<Message> {
  let raw: unknown;
  try {
    raw = JSON.parse(textOf(value));
  } catch {
    return { ok: false, reason: "not JSON" };
  }
  const checked = pipeline.check(raw);
  if (!checked.ok) return checked;
  const event = pipeline.normalise(checked.value);
  return {
    ok: true,
    value: {
      key: encoder.encode(pipeline.key(event)),
      value: slab.join(prefix, pipeline.encode(event)),
      headers: { "userpipe-schema": encoder.encode(pipeline.schemaVersion), ...headers },
      timestamp,
    },
  };
}

/**
 * One run of ingest: the source's pages, each checked, normalised and published; what is refused goes to
 * the dead letters by itself and the rest go on.
 */
import type { Message } from "../broker/broker.ts";
import { fault } from "../fault.ts";
import { hashOf } from "../hash.ts";
import type { Pipeline } from "../pipeline.ts";
import { Slab } from "../slab.ts";
import type { Page, Source } from "../source/source.ts";
import { type DeadLetter, deadLetterOfSource, publishDeadLetters } from "../stream/dead_letters.ts";
import { Outage } from "../stream/outage.ts";
import { traced, TRACEPARENT } from "../trace.ts";
import type { IngestMeasures } from "./measures.ts";
import { publishAll, type Publisher } from "./publish.ts";

export interface IngestOptions {
  pipeline: Pipeline;
  source: Source;
  publisher: Publisher;
  /** What stands before each value. */
  prefix?: Uint8Array;
  topic: string;
  deadLetterTopic: string;
  /** The run's id: carried in the header `userpipe-run`. */
  run: string;
  /** Ends the run behind the page that is under way. */
  signal?: AbortSignal;
  onProgress?: (counts: IngestCounts) => void;
  measures?: IngestMeasures;
}

export interface IngestCounts {
  fetched: number;
  /** Records that the broker has made durable. */
  published: number;
  /** Records that wait in the outbox, because the broker is away. */
  outbox: number;
  refused: number;
  /** Of the source's answers, decompressed. */
  bytes: number;
}

export function noCounts(): IngestCounts {
  return { fetched: 0, published: 0, outbox: 0, refused: 0, bytes: 0 };
}

/** A run that could not be finished: what it had done by then, and why it ended. */
export class IngestFailed extends Error {
  constructor(readonly counts: IngestCounts, override readonly cause: unknown) {
    super("the run failed");
  }
}

const encoder = new TextEncoder();
const slab = new Slab();

/**
 * Resolves once everything that was fetched is published, in the outbox or dead-lettered (I2, I3).
 * @throws {IngestFailed} with what ended it as its cause
 */
export async function ingest(options: IngestOptions): Promise<IngestCounts> {
  const attributes = { "userpipe.run": options.run };
  return await traced(`ingest ${options.topic}`, { kind: "internal", attributes }, () => carry(options));
}

async function carry(options: IngestOptions): Promise<IngestCounts> {
  const { source, publisher, topic, deadLetterTopic, run, signal, onProgress, measures } = options;
  const counts = noCounts();
  const outage = new Outage(`the topic "${deadLetterTopic}"`);
  let publishing: Promise<void> = Promise.resolve();

  async function publish({ page, before, messages, refused }: Prepared): Promise<void> {
    const began = performance.now();
    const { broker, outbox, tooLarge } = await publishAll(publisher, topic, messages);
    measures?.published(performance.now() - began, { broker, outbox });
    fault("after-publish");
    counts.published += broker;
    counts.outbox += outbox;
    const letters = [
      ...refused,
      ...tooLarge.map(({ index, reason }) => {
        const { n, timestamp } = messages[index]!;
        return deadLetterOfSource(run, n, jsonOf(recordAt(page, n - before)), timestamp, reason);
      }),
    ];
    if (letters.length > 0) await publishDeadLetters(publisher, deadLetterTopic, letters, outage, signal);
    counts.refused += letters.length;
    measures?.refused(letters.length);
    onProgress?.(counts);
  }

  try {
    for await (const page of source.pages(signal)) {
      fault("after-fetch");
      const [before, last] = [counts.fetched, publishing];
      // One page is published while the next is fetched and checked: their order on the topic is kept.
      publishing = traced(`publish ${topic}`, { kind: "producer" }, async (traceparent) => {
        const prepared = prepare(options, page, before, traceparent);
        await last;
        await publish(prepared);
      });
      publishing.catch(() => {});
      counts.fetched += page.records.length + page.unreadable.length;
      counts.bytes += page.bytes;
      measures?.fetched(page.records.length + page.unreadable.length, page.bytes);
      onProgress?.(counts);
      await last;
      if (signal?.aborted) break;
    }
    await publishing;
    return counts;
  } catch (error) {
    await publishing.catch(() => {});
    throw new IngestFailed(counts, error);
  }
}

interface Prepared {
  page: Page;
  /** Records of the run that came before the page's. */
  before: number;
  messages: NumberedMessage[];
  refused: DeadLetter[];
}

/** A message, and the place in the run of the record that it was made of. */
interface NumberedMessage extends Message {
  n: number;
}

function recordAt({ records }: Page, index: number): unknown {
  let n = 0;
  for (const record of records) if (n++ === index) return record;
  throw new Error(`A page has fewer records than ${index + 1}`);
}

function jsonOf(raw: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(raw));
}

/** Checks and normalises a page; `before` is how many records of the run came before it. */
function prepare({ pipeline, run, prefix }: IngestOptions, page: Page, before: number, traceparent?: string): Prepared {
  const messages: NumberedMessage[] = [];
  const refused: DeadLetter[] = [];
  const headers = headersOf(pipeline, run, page, traceparent);
  const times = timesOf();
  let n = before;
  for (const raw of page.records) {
    const checked = pipeline.check(raw);
    if (checked.ok) {
      const event = pipeline.normalise(checked.value);
      const key = slab.encode(pipeline.key(event));
      const value = slab.join(prefix, pipeline.encode(event));
      messages.push({ key, value, headers, timestamp: times(key), n });
    } else {
      refused.push(deadLetterOfSource(run, n, jsonOf(raw), page.fetchedAt, checked.reason));
    }
    n++;
  }
  for (const { bytes, reason } of page.unreadable) {
    refused.push(deadLetterOfSource(run, n++, bytes, page.fetchedAt, reason));
  }
  return { page, before, messages, refused };
}

/** The latest timestamp that was given, in ms since the epoch. */
let latest = 0;

/**
 * The timestamps of a page's messages. I4: of one key each is later than the one before, since within one ms the
 * offset decides by its last three digits only. Keys are told apart by their hashes: one that is taken for another is a ms later
 * than it need be.
 */
function timesOf(): (key: Uint8Array) => number {
  const start = latest = Math.max(Date.now(), latest + 1);
  const seen = new Set<number>();
  return (key) => {
    const hash = hashOf(key);
    if (seen.has(hash)) return ++latest;
    seen.add(hash);
    return start;
  };
}

/** One object for all messages of a page. */
function headersOf(
  pipeline: Pipeline,
  run: string,
  page: Page,
  traceparent: string | undefined,
): Record<string, Uint8Array> {
  const texts: Record<string, string> = {
    "userpipe-schema": pipeline.schemaVersion,
    "userpipe-run": run,
    "userpipe-page": String(page.number),
    "userpipe-fetched": String(page.fetchedAt),
  };
  if (page.seed !== undefined) texts["userpipe-seed"] = page.seed;
  if (traceparent !== undefined) texts[TRACEPARENT] = traceparent;
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, encoder.encode(text)]));
}

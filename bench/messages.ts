/** Records as they stand on the topic, made by the pipeline's generator; a topic's own format is all that is asked of it. */
import { users } from "../src/pipelines.ts";

export const PIPELINE = users;
export const COLUMNS: readonly string[] = PIPELINE.table.columns.map(({ name }) => name);

const MEASURED = 1_000;

/** By column. */
export type Event = Record<string, string | null>;

const decoder = new TextDecoder();

/** The same for the same seed. */
export function* events(seed: string, count: number): Generator<Event> {
  for (const raw of PIPELINE.generate(seed, count)) {
    const checked = PIPELINE.check(raw);
    if (!checked.ok) throw new Error(checked.reason);
    yield JSON.parse(decoder.decode(PIPELINE.encode(PIPELINE.normalise(checked.value))));
  }
}

/** What a generated record has on the topic, on average. */
export function meanBytes(): number {
  const values = [...records(MEASURED)].map(({ value }) => new TextEncoder().encode(value).length);
  return values.reduce((sum, bytes) => sum + bytes, 0) / values.length;
}

export interface Sent {
  /** The id. */
  key: string;
  value: string;
}

/** `count` records; with `bytes` each is about as large as that, in its address. Other ones at each call. */
export function* records(count: number, bytes = 0): Generator<Sent> {
  for (const event of events(crypto.randomUUID(), count)) {
    yield { key: event.id!, value: JSON.stringify({ ...event, address: event.address!.padStart(bytes, ".") }) };
  }
}

/** One answer of the API with `count` users. */
export function apiPage(count: number): string {
  const results = [...PIPELINE.generate(crypto.randomUUID(), count)];
  return JSON.stringify({ results, info: { results: count, page: 1, version: "1.4" } });
}

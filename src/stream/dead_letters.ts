/**
 * Dead letters: records that were refused, by the source's check, the stream's check or the store, published
 * with their reason to a topic of their own before anything moves past them (I3).
 */
import { sleep, waitMs } from "../backoff.ts";
import type { Delivered, Message } from "../broker/broker.ts";
import { isTransient, UserpipeError } from "../errors.ts";
import type { Outage } from "./outage.ts";

/** Where a record was refused: by the check at the source, by the check in the stream, or by the store. */
export type Stage = "source" | "stream" | "store";

export interface DeadLetter {
  message: Message;
  reason: string;
  stage: Stage;
  /** `topic/partition/offset`; `source/run/n` for a record that was never on the topic. */
  at: string;
  /** Headers that say where it was: for a record of the topic its topic, partition, offset and time. */
  place: Record<string, string>;
}

/** The dead letter of a record that was read from the topic, or of several that cannot be read. */
export function deadLetterOf(topic: string, message: Delivered, stage: Stage, reason: string): DeadLetter {
  const { partition, offset, timestamp, unreadable } = message;
  const place = {
    "userpipe-topic": topic,
    "userpipe-partition": String(partition),
    "userpipe-offset": String(offset),
    "userpipe-timestamp": String(timestamp),
    ...(unreadable && { "userpipe-last-offset": String(unreadable.last) }),
  };
  return { message, reason, stage, at: `${topic}/${partition}/${offset}`, place };
}

/** The dead letter of a record that the source gave: `value` is its JSON, or the bytes that were none. */
export function deadLetterOfSource(run: string, n: number, value: Uint8Array, at: number, reason: string): DeadLetter {
  const message = { key: null, value, headers: {}, timestamp: at };
  const place = { "userpipe-run": run, "userpipe-fetched": String(at) };
  return { message, reason, stage: "source", at: `source/${run}/${n}`, place };
}

/** The dead letter of an outbox entry that its topic does not take. */
export function deadLetterOfOutbox(topic: string, message: Message, reason: string): DeadLetter {
  const decoder = new TextDecoder();
  const run = decoder.decode(message.headers["userpipe-run"]);
  const at = `source/${run}/${decoder.decode(message.key ?? undefined)}`;
  return { message, reason, stage: "source", at, place: { "userpipe-topic": topic } };
}

/** The headers that a dead letter, or its marker, adds to those of the record. */
export const OWN_HEADERS: ReadonlySet<string> = new Set(
  ["reason", "stage", "topic", "partition", "offset", "last-offset", "timestamp", "key", "cut", "replayed"]
    .map((name) => `userpipe-${name}`),
);

const encoder = new TextEncoder();

/** The original value as it was, under the original headers and those that say what became of it. */
export function encodeDeadLetter({ message, reason, stage, at, place }: DeadLetter, now: number): Message {
  // A record that is itself a copy of a dead letter must not pass its cut or its marker on to this one.
  const headers = Object.fromEntries(Object.entries(message.headers).filter(([name]) => !OWN_HEADERS.has(name)));
  const added = { "userpipe-reason": reason, "userpipe-stage": stage, ...place };
  for (const [name, value] of Object.entries(added)) headers[name] = encoder.encode(value);
  if (message.key !== null) headers["userpipe-key"] = message.key;
  return { key: encoder.encode(at), value: message.value, headers, timestamp: now };
}

/** What a dead letter keeps of a value that its topic does not take, in bytes: the topic may take less than the source gave. */
const KEPT_BYTES = 512 * 1024;

/** The same message, or one with the beginning of the value and the header `userpipe-cut`, which has its whole size. */
function cutToFit(message: Message): Message {
  const { value, headers } = message;
  if (value === null || value.length <= KEPT_BYTES) return message;
  const cut = { ...headers, "userpipe-cut": encoder.encode(String(value.length)) };
  return { ...message, value: value.slice(0, KEPT_BYTES), headers: cut };
}

const BACKOFF = { firstMs: 200, maxMs: 10_000 };

interface Publishes {
  publish(topic: string, messages: readonly Message[]): Promise<unknown>;
}

/**
 * Publishes the dead letters, waiting aloud while their topic is away, missing or too small for them. A value larger than
 * the topic takes is cut before that.
 * @throws {UserpipeError} what waiting cannot cure, and what it can once `signal` is aborted
 */
export async function publishDeadLetters(
  broker: Publishes,
  topic: string,
  letters: readonly DeadLetter[],
  outage: Outage,
  signal?: AbortSignal,
): Promise<void> {
  const whole = letters.map((letter) => encodeDeadLetter(letter, Date.now()));
  for (let attempt = 1;; attempt++) {
    try {
      await publishOrCut(broker, topic, whole);
      // One that never waited says nothing of those that do: a topic that is too small takes the smaller letters.
      if (attempt > 1) outage.over();
      return;
    } catch (error) {
      const curable = waitable(error, topic);
      if (curable === undefined || signal?.aborted) throw error;
      outage.begin(curable);
      await sleep(waitMs(BACKOFF, attempt), signal);
    }
  }
}

async function publishOrCut(broker: Publishes, topic: string, whole: readonly Message[]): Promise<void> {
  try {
    await broker.publish(topic, whole);
  } catch (error) {
    if (codeOf(error) !== "record-too-large") throw error;
    const cut = whole.map(cutToFit);
    if (cut.every((each, i) => each === whole[i])) throw error;
    await broker.publish(topic, cut);
  }
}

/**
 * I3: what holds up the letters until somebody mends it, with how; undefined where that would not help. Letters that have
 * no topic are not left out, and the process that waits for it is still there once it is.
 */
function waitable(error: unknown, topic: string): UserpipeError | undefined {
  if (isTransient(error)) return error;
  const hint = MENDS[codeOf(error) ?? ""];
  if (hint === undefined) return undefined;
  const { code, message } = error as UserpipeError;
  return new UserpipeError(code, message, hint(topic), { cause: error });
}

const MENDS: Record<string, (topic: string) => string> = {
  "topic-missing": () => 'Make it again with "userpipe init"',
  "record-too-large": (topic) => `Raise max.message.bytes of the topic "${topic}"`,
};

function codeOf(error: unknown): string | undefined {
  return error instanceof UserpipeError ? error.code : undefined;
}

/**
 * A dead letter as it lies in its topic: what it says, the record that it was, and the marker that follows it once it
 * is replayed. The other direction of `dead_letters.ts`.
 */
import type { Delivered, Message } from "../broker/broker.ts";
import type { Result } from "../pipeline.ts";
import { textOf } from "../query/bytes.ts";
import { OWN_HEADERS, type Stage } from "./dead_letters.ts";

/** What a dead letter says, without the record's value. */
export interface Letter {
  /** Its own place, in the dead-letter topic. */
  partition: number;
  offset: bigint;
  /** When it was refused, in ms since the epoch. */
  refusedAt: number;
  /** Its key: where the record was. */
  at: string;
  /** `unknown` for a message that is no dead letter of userpipe. */
  stage: Stage | "unknown";
  reason: string;
  /** The topic that the record was on, or was for; a source's letter need not say. */
  topic?: string;
  /** The record's key. */
  key?: string;
  /** The record's time as the header has it. With `at` it says which record it is: a topic made again has old places. */
  time?: string;
  /** Of several records that could not be read, whose bytes the value is: the last offset of theirs. */
  lastOffset?: string;
  /** The whole size of the value in bytes, where only its beginning was kept. */
  cut?: string;
}

const STAGES: readonly Stage[] = ["source", "stream", "store"];

export function letterOf({ partition, offset, timestamp, key, headers, unreadable }: Delivered): Letter {
  const text = (name: string) => headers[name] && textOf(headers[name]);
  const given = text("userpipe-stage");
  const stage = key === null ? undefined : STAGES.find((each) => each === given);
  return {
    partition,
    offset,
    refusedAt: timestamp,
    at: key === null ? "" : textOf(key),
    stage: stage ?? "unknown",
    reason: text("userpipe-reason") ?? unreadable?.reason ?? "it gives no reason",
    topic: text("userpipe-topic"),
    key: text("userpipe-key"),
    time: text("userpipe-timestamp"),
    lastOffset: text("userpipe-last-offset"),
    cut: text("userpipe-cut"),
  };
}

/** Whether the message says that the letter of its key was replayed. */
export function isMarker({ headers }: Message): boolean {
  return headers["userpipe-replayed"] !== undefined && headers["userpipe-reason"] === undefined;
}

const encoder = new TextEncoder();

/** What follows a letter that was replayed: its key, and which one it was. */
export function markerOf({ key, offset, headers }: Delivered, now: number): Message {
  const marked: Record<string, Uint8Array> = { "userpipe-replayed": encoder.encode(String(offset)) };
  if (headers["userpipe-timestamp"] !== undefined) marked["userpipe-timestamp"] = headers["userpipe-timestamp"];
  return { key, value: null, headers: marked, timestamp: now };
}

/** The message that the letter was made of: its key, its value and its own headers; the letter's time. */
export function originalOf({ value, headers, timestamp }: Delivered): Message {
  const own = Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name));
  return { key: headers["userpipe-key"] ?? null, value, headers: Object.fromEntries(own), timestamp };
}

/** The record as it was on the topic, with its first offset and time, which its write time comes from (I4). */
export function recordOf(message: Delivered): Result<Delivered> {
  const [partition, offset, timestamp] = ["partition", "offset", "timestamp"].map((name) => {
    const bytes = message.headers[`userpipe-${name}`];
    const text = bytes === undefined ? "" : textOf(bytes);
    return /^-?\d{1,18}$/.test(text) ? BigInt(text) : undefined;
  });
  if (partition === undefined || offset === undefined || timestamp === undefined) {
    return { ok: false, reason: "its headers do not say where and when the record was" };
  }
  const place = { partition: Number(partition), offset, timestamp: Number(timestamp) };
  return { ok: true, value: { ...originalOf(message), ...place } };
}

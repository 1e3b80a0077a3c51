/**
 * The bodies of requests: a small one is there whole before its route reads it, and of every other the rest is read and dropped
 * before the answer goes out. Over HTTP/2 an answer to a request that still sends breaks the stream off, and is lost with it.
 */
import type { MiddlewareHandler } from "hono";
import { sleep } from "../backoff.ts";
import { refuse } from "./answers.ts";

/** Largest body that is taken, in bytes. */
const MAX_BYTES = 64 * 1024;
/** Of one that is not taken so much is read all the same, in bytes, and for so long, in ms. */
const MOST_DROPPED_BYTES = 4 * 1024 * 1024;
const DROP_MS = 5_000;

/** Outermost: whoever answers, what is left of the body is read first. */
export const restDropped: MiddlewareHandler = async (c, next) => {
  const { body } = c.req.raw;
  await next();
  // A route that reads it has it whole.
  if (body !== null && !body.locked) await drop(body);
};

async function drop(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  const over = new AbortController();
  const late = sleep(DROP_MS, over.signal).then(() => ({ done: true as const, value: undefined }));
  try {
    for (let left = MOST_DROPPED_BYTES; left > 0;) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) return;
      left -= value.byteLength;
    }
  } catch {
    // Whoever sent it is gone.
  } finally {
    over.abort();
  }
}

/** Refuses one that is too large, whether or not it says so beforehand. */
export const smallBody: MiddlewareHandler = async (c, next) => {
  const { body } = c.req.raw;
  if (body === null) return await next();
  const bytes = await bytesOf(body);
  if (bytes === undefined) {
    return refuse(c, 413, { code: "body", message: "The body is too large", hint: "Send 64 KiB at the most" });
  }
  c.req.raw = new Request(c.req.raw, { body: bytes });
  return await next();
};

/** Undefined where there are more than {@linkcode MAX_BYTES}. */
async function bytesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Blob | undefined> {
  const reader = body.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return new Blob(chunks);
      size += value.byteLength;
      if (size > MAX_BYTES) return undefined;
      chunks.push(value);
    }
  } finally {
    reader.releaseLock();
  }
}

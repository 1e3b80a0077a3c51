/**
 * One HTTP GET within its limits: time for headers and body together, bytes of the body after decompression, and
 * redirects. Below `http.ts`, which asks for pages and tries again.
 */
import { badAnswer, noAnswer, type Place, RequestFailed, shown, tooSlow } from "./http_failure.ts";
import { sizeText } from "./wording.ts";

export interface RequestLimits {
  /** For the whole request, to the last byte of its body. */
  timeoutMs: number;
  maxBytes: number;
  signal: AbortSignal;
  fetch: typeof fetch;
}

/** Its place is where it came from, behind all redirects. */
export interface Answer extends Place {
  status: number;
  headers: Headers;
  body: Uint8Array;
}

const MAX_REDIRECTS = 5;
/** Room for a body, in bytes, before it is known to need more. */
const FIRST_ROOM = 64 * 1024;
const REDIRECTS = [301, 302, 303, 307, 308];

/** @throws {RequestFailed} where there is no whole answer within the limits, or `signal` was aborted */
export async function get(place: Place, { timeoutMs, maxBytes, signal, fetch }: RequestLimits): Promise<Answer> {
  const request = new AbortController();
  const stop = () => request.abort();
  const timer = setTimeout(stop, timeoutMs);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const { response, last } = await follow(place, request.signal, fetch);
    const { status, headers } = response;
    return { ...last, status, headers, body: await bodyOf(response, last, maxBytes) };
  } catch (error) {
    if (error instanceof RequestFailed) throw error;
    if (request.signal.aborted) throw tooSlow(place, timeoutMs);
    throw noAnswer(place, error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    // Frees the connection of an answer that was not read to its end.
    request.abort();
  }
}

async function follow(from: Place, signal: AbortSignal, fetch: RequestLimits["fetch"]) {
  const seen = new Set<string>();
  const { hide } = from;
  let { url } = from;
  while (true) {
    const response = await fetch(url, { redirect: "manual", signal, headers: { accept: "application/json" } });
    const location = response.headers.get("location");
    if (!REDIRECTS.includes(response.status) || location === null) return { response, last: { url, hide } };
    await response.body?.cancel();
    seen.add(url.href);
    const next = URL.parse(location, url);
    if (next === null || !/^https?:$/.test(next.protocol)) {
      throw badAnswer(from, `redirects to "${hide(location)}", which is no web address`, HINT, { again: false });
    }
    if (seen.has(next.href)) {
      throw badAnswer(from, `redirects in a circle, back to ${shown({ url: next, hide })}`, HINT, { again: false });
    }
    if (seen.size > MAX_REDIRECTS) {
      throw badAnswer(from, `redirects more than ${MAX_REDIRECTS} times`, HINT, { again: false });
    }
    url = next;
  }
}

const HINT = "Name the address that it should lead to with --url";

async function bodyOf(response: Response, place: Place, maxBytes: number): Promise<Uint8Array> {
  let room = new Uint8Array(Math.min(FIRST_ROOM, maxBytes));
  let used = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = used + chunk.length;
    if (bytes > maxBytes) {
      const hint = "Look at the address, or ask for fewer records with --count";
      throw badAnswer(place, `answers with more than ${sizeText(maxBytes)}`, hint, { again: false });
    }
    if (bytes > room.length) {
      const larger = new Uint8Array(Math.min(Math.max(bytes, 2 * room.length), maxBytes));
      larger.set(room.subarray(0, used));
      room = larger;
    }
    // Copied: a chunk is a view of 64 KiB of its own, however few bytes it has (4 KiB where they were compressed).
    room.set(chunk, used);
    used = bytes;
  }
  return room.subarray(0, used);
}

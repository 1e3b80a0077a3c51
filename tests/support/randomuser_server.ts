/**
 * A stand-in for the RandomUser API on loopback: it serves given records by `results` and `page`, and misbehaves in
 * every way that the API is known to, and some more, when it is told to.
 */
import { Readable } from "node:stream";
import { constants, createBrotliCompress, createGzip } from "node:zlib";

/** One answer out of the ordinary. */
export type Answer = (request: Request, server: RandomUserServer) => Response | Promise<Response>;

export interface RandomUserServer<Served = unknown> extends AsyncDisposable {
  /** `http://127.0.0.1:…/api/1.4/` */
  readonly url: string;
  /** What was asked for, in order. */
  readonly requests: URL[];
  /** The records of all pages that were given, in order. */
  readonly served: Served[];
  /** The next requests get these answers, one each, and records where it is undefined; those behind them get records. */
  next(...answers: (Answer | undefined)[]): void;
  /** Every request from now on gets this answer; records again without one. */
  always(answer?: Answer): void;
  /** Resolves when {@linkcode close} begins. */
  readonly stopping: Promise<void>;
  close(): Promise<void>;
}

const MAX_RESULTS = 5_000;
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

/**
 * Page p of size r holds the r records from (p − 1) × r on, beginning again behind the last. As with the API the same
 * seed gives the same ones: a new seed begins where the first page of the one before it ended. Like the API it takes
 * a `results` that is not a whole number from 1 to 5,000 as 1, and another path than its own is a 404 in plain text.
 */
export function serveRandomUsers<Served>(records: readonly Served[]): RandomUserServer<Served> {
  const requests: URL[] = [];
  const served: Served[] = [];
  const queue: (Answer | undefined)[] = [];
  const begins = new Map<string, number>();
  let unseen = 0;
  let standing: Answer | undefined;
  const stopped = new AbortController();
  const stopping = new Promise<void>((resolve) => stopped.signal.addEventListener("abort", () => resolve()));
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: stopped.signal }, (request) => {
    const url = new URL(request.url);
    requests.push(url);
    const answer = queue.shift() ?? standing;
    if (answer !== undefined) return answer(request, server);
    if (url.pathname !== "/api/1.4/") return notThere(request, server);
    const { seed, results } = askedOf(url);
    if (!begins.has(seed)) {
      begins.set(seed, unseen);
      unseen += results;
    }
    const page = pageOf(records, url, begins.get(seed));
    served.push(...page.results);
    return Response.json(page);
  });
  const close = async () => {
    stopped.abort();
    await http.finished;
  };
  const server: RandomUserServer<Served> = {
    url: `http://127.0.0.1:${http.addr.port}/api/1.4/`,
    requests,
    served,
    next: (...answers) => void queue.push(...answers),
    always: (answer) => standing = answer,
    stopping,
    close,
    [Symbol.asyncDispose]: close,
  };
  return server;
}

function askedOf({ searchParams: query }: URL) {
  const asked = Number(query.get("results") ?? 1);
  const results = Number.isInteger(asked) && asked >= 1 && asked <= MAX_RESULTS ? asked : 1;
  return { results, page: Number(query.get("page") ?? 1), seed: query.get("seed") ?? "" };
}

function pageOf<Served>(records: readonly Served[], url: URL, begin = 0) {
  const { results, page, seed } = askedOf(url);
  const from = begin + (page - 1) * results;
  return {
    results: Array.from({ length: results }, (_, i) => records[(from + i) % records.length]),
    info: { seed, results, page, version: "1.4" },
  };
}

/** 429, with `Retry-After` in seconds where it is given. */
export function quota(retryAfter?: string): Answer {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { "retry-after": retryAfter };
  return () => Response.json({ error: "You have been sending too many requests." }, { status: 429, headers });
}

/** 500 or 503 with an `error`. */
export function trouble(status: number): Answer {
  return () => Response.json({ error: "Uh oh, something has gone wrong. Please tweet us." }, { status });
}

export const blocked: Answer = () =>
  new Response("<!DOCTYPE html>\n<html><title>Access denied</title></html>", {
    status: 403,
    headers: { "content-type": "text/html" },
  });

export const notThere: Answer = () => new Response("That version does not exist\n", { status: 404 });

/** 200 with this text for a body. */
export function text(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = JSON_TYPE): Answer {
  return () => new Response(body, { headers });
}

/** 200 with this JSON. */
export function json(body: unknown): Answer {
  return () => Response.json(body);
}

/** 200 with fewer records than were asked for. */
export function fewer(records: readonly unknown[], by: number): Answer {
  return (request) => {
    const page = pageOf(records, new URL(request.url));
    return Response.json({ ...page, results: page.results.slice(by) });
  };
}

/** 200 with a body that a proxy cut and closed properly. */
export function cutBody(records: readonly unknown[]): Answer {
  return (request) => {
    const whole = JSON.stringify(pageOf(records, new URL(request.url)));
    return new Response(whole.slice(0, whole.length / 2), { headers: JSON_TYPE });
  };
}

/** 200, the beginning of a body, then the connection is gone. */
export const cutConnection: Answer = () => {
  const begun = new Blob(['{"results": [{"gender": ']).stream();
  return new Response(begun, { headers: { ...JSON_TYPE, "content-length": "1000" } });
};

/** 200 with a body that comes byte by byte, one each `ms`, and never ends. */
export function drip(ms: number): Answer {
  return () => endless(new Uint8Array([0x20]), ms);
}

/** A body without end, as fast as it is read. */
export function flood(status = 200): Answer {
  return () => new Response(endless(MIB_OF_SPACES, 0).body, { status, headers: JSON_TYPE });
}

const MIB_OF_SPACES = new Uint8Array(1024 * 1024).fill(0x20);

function endless(piece: Uint8Array, ms: number): Response {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) =>
      new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          controller.enqueue(piece);
          resolve();
        }, ms);
      }),
    cancel: () => clearTimeout(timer),
  });
  return new Response(body, { headers: JSON_TYPE });
}

/** Headers that do not come until the server ends. */
export const silence: Answer = (_, server) => server.stopping.then(() => new Response());

/** 200 with a small body that has so many MiB once it is unpacked. */
export function bomb(mib: number, encoding: "gzip" | "br" = "gzip"): Answer {
  return () => {
    // In small pieces: a usual one has 16 MiB in it.
    const options = { chunkSize: 1_024, params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
    const packer = encoding === "gzip" ? createGzip(options) : createBrotliCompress(options);
    const packed = Readable.from(repeated(mib)).pipe(packer);
    const body = Readable.toWeb(packed) as ReadableStream<Uint8Array<ArrayBuffer>>;
    return new Response(body, { headers: { ...JSON_TYPE, "content-encoding": encoding } });
  };
}

function* repeated(times: number): Generator<Uint8Array> {
  for (let n = 0; n < times; n++) yield MIB_OF_SPACES;
}

/** 302 to a path of this server. */
export function redirect(path: string): Answer {
  return () => new Response(null, { status: 302, headers: { location: path } });
}

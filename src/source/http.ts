/**
 * The HTTP source: pages of an API that gives the same records again for the same seed, page and page size. A
 * request that failed and may succeed is tried again; the rest end the run with what the server said.
 */
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import { type Check, type Clock, UserpipeError } from "../errors.ts";
import { hidingSecretsOf } from "../hidden.ts";
import { logger } from "../log.ts";
import type { Pipeline } from "../pipeline.ts";
import { type Given, givenIn } from "./http_answer.ts";
import { RequestFailed } from "./http_failure.ts";
import { get } from "./http_request.ts";
import type { Page, Source, SourceQuota } from "./source.ts";

export interface HttpSourceOptions {
  pipeline: Pipeline;
  /** The base address; the pipeline's own where it is left out. */
  url?: string;
  seed: string;
  /** The first page, from 1. */
  page: number;
  /** Records wanted in all: exactly so many come, or the run fails. */
  count: number;
  nat?: string;
  /** For one request, to the last byte of its body; 30 s by default. */
  timeoutMs?: number;
  /** Of one body, decompressed; 16 MiB by default: a page of 5,000 users has 6. */
  maxBytes?: number;
  /** Tries behind the first one; 3 by default. */
  retries?: number;
  /** The waits between tries, where the server asks for no longer one; from 0.5 s to 10 s by default. */
  backoff?: Backoff;
  /** Asked before each request. */
  quota?: SourceQuota;
  fetch?: typeof fetch;
}

const TIMEOUT_MS = 30_000;
/** For one record, where somebody waits to hear whether the API works. */
const CHECK_MS = 8_000;
const MAX_BYTES = 16 * 1024 * 1024;
const RETRIES = 3;
const BACKOFF: Backoff = { firstMs: 500, maxMs: 10_000 };
/** The API takes a later page as the first, without a word: its records would come twice and others never. */
const LAST_PAGE = 10_000;

const log = logger("source");

/**
 * Requests nothing yet.
 * @throws {UserpipeError} `settings` where `url` is no web address, or the records go on behind the API's last page
 */
export function openHttpSource(options: HttpSourceOptions): Source {
  const { pipeline, url, seed, page: first, count, nat, quota } = options;
  const { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES, retries = RETRIES, backoff = BACKOFF } = options;
  const limits = { timeoutMs, maxBytes, fetch: options.fetch ?? fetch };
  const closed = new AbortController();
  const size = pageSize(count, pipeline.maxResults);
  const hide = hidingSecretsOf(url ?? "");
  const warn = warnings(size, seed, hide);
  const address = (page: number, results: number) => pipeline.request({ url, results, page, seed, nat });
  const { origin: name } = webAddress(() => address(first, size));
  notBehindLastPage(first, count, size, pipeline);
  quota?.fits(name, size);
  let trouble: ReturnType<NonNullable<Source["trouble"]>>;

  async function fetchPage(number: number, take: number, signal: AbortSignal): Promise<Page> {
    const answer = await get({ url: address(number, size), hide }, { ...limits, signal });
    const given = givenIn(answer, pipeline, size);
    warn(given);
    const { records } = given;
    return {
      records: take < records.length ? records.slice(0, take) : records,
      unreadable: [],
      number,
      seed,
      fetchedAt: Date.now(),
      bytes: answer.body.length,
    };
  }

  /** The page, after as many tries as it takes; `undefined` once `signal` is aborted. */
  async function persist(number: number, take: number, signal: AbortSignal): Promise<Page | undefined> {
    for (let tries = 1;; tries++) {
      await quota?.take(name, size, signal);
      if (signal.aborted) return undefined;
      trouble ??= { what: `${name} had not given page ${number} yet` };
      try {
        const page = await fetchPage(number, take, signal);
        if (signal.aborted) return undefined;
        trouble = undefined;
        return page;
      } catch (failure) {
        if (signal.aborted) return undefined;
        if (!(failure instanceof RequestFailed)) throw failure;
        const error = afterTries(failure.error, tries);
        trouble = { what: error.message, hint: error.hint };
        const ms = Math.max(waitMs(backoff, tries), failure.afterMs);
        const held = failure.quota && await quota?.refused(name, failure.afterMs, ms) === true;
        if (!(failure.again || held) || tries > retries) throw error;
        if (held) continue;
        const left = retries - tries + 1;
        const properties = { message: failure.message, seconds: (ms / 1000).toFixed(1), left };
        const last = left === 1 ? "for the last time" : "{left} more times at the most";
        log.warning(`{message}. Trying again in {seconds} s, ${last}`, properties);
        await sleep(ms, signal);
      }
    }
  }

  return {
    name,
    async check(): Promise<Check> {
      const began = Date.now();
      try {
        const within = { ...limits, timeoutMs: Math.min(timeoutMs, CHECK_MS) };
        const answer = await get({ url: address(first, 1), hide }, { ...within, signal: closed.signal });
        const ended = Date.now();
        givenIn(answer, pipeline, 1);
        const detail = `${name} answers, one record in ${ended - began} ms`;
        return { component: "source", ok: true, detail, clock: clockOf(name, answer.headers, began, ended) };
      } catch (failure) {
        if (!(failure instanceof RequestFailed)) throw failure;
        return { component: "source", ok: false, error: failure.error };
      }
    },
    async *pages(signal?: AbortSignal) {
      const either = signal === undefined ? closed.signal : AbortSignal.any([closed.signal, signal]);
      for (let done = 0, number = first; done < count; number++) {
        const page = await persist(number, Math.min(size, count - done), either);
        if (page === undefined) return;
        done += page.records.length;
        yield page;
      }
    },
    trouble: () => trouble,
    close: async () => closed.abort(),
  };
}

/**
 * The page size of a run: equal pages, as few as they can be. The API's pages of a seed are only told apart by their
 * number at one size, so the last page is not asked for smaller: what is too many of it is left out.
 */
export function pageSize(count: number, maxResults: number): number {
  return Math.ceil(count / Math.max(1, Math.ceil(count / maxResults)));
}

/** Says once what a server does other than it was asked, where its records are taken all the same. */
function warnings(size: number, seed: string, hide: (text: string) => string): (given: Given) => void {
  const said = new Set<string>();
  const warnOnce = (about: string, text: string, properties: Record<string, unknown>) => {
    if (!said.has(about)) log.warning(text, properties);
    said.add(about);
  };
  return ({ count, seed: given }) => {
    if (count > size) {
      const text = "The server gives {count} records where {size} were asked for: the rest is not taken";
      warnOnce("count", text, { count, size });
    }
    if (given !== undefined && given !== seed) {
      const text =
        'The server gives records of the seed "{given}" where "{seed}" was asked for: they may not come again';
      warnOnce("seed", text, { given: hide(given), seed });
    }
  };
}

function afterTries(error: UserpipeError, tries: number): UserpipeError {
  if (tries === 1) return error;
  return new UserpipeError(error.code, `${error.message} (tried ${tries} times)`, error.hint, { cause: error.cause });
}

function webAddress(make: () => URL): URL {
  try {
    const address = make();
    if (/^https?:$/.test(address.protocol)) return address;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  throw new UserpipeError(
    "settings",
    "The address that --url names is no web address",
    "Begin it with http:// or https://",
  );
}

/** @throws {UserpipeError} `settings` */
function notBehindLastPage(first: number, count: number, size: number, { maxResults }: Pipeline): void {
  const last = first + Math.ceil(count / size) - 1;
  if (last > LAST_PAGE) {
    const what =
      `--count ${count} from --page ${first} on ends with page ${last}, and a seed has ${LAST_PAGE} at the most`;
    const most = (LAST_PAGE - first + 1) * maxResults;
    throw new UserpipeError("settings", what, `Ask for ${most} at the most, and for the others with another --seed`);
  }
}

/** From the header `Date`, which is in whole seconds, and `Age`, for how long a cache has kept the answer. */
function clockOf(of: string, headers: Headers, began: number, ended: number): Clock | undefined {
  const date = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(date)) return undefined;
  const age = Number(headers.get("age") ?? 0) * 1000;
  const theirs = date + (age > 0 ? age : 0) + 500;
  return { of, aheadMs: (began + ended) / 2 - theirs, uncertainMs: 500 + (ended - began) / 2 };
}

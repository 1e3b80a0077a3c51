/** What tests do with a source: read it to its end, or to the error that it ends with. */
import assert from "node:assert/strict";
import { UserpipeError } from "../../src/errors.ts";
import { type HttpSourceOptions, openHttpSource } from "../../src/source/http.ts";
import type { Page, Source } from "../../src/source/source.ts";
import { users } from "../../src/users/pipeline.ts";

export async function all(source: Source, signal?: AbortSignal): Promise<Page[]> {
  const pages: Page[] = [];
  for await (const page of source.pages(signal)) pages.push(page);
  return pages;
}

/** The operating error that `work` ends with; there has to be one. */
export async function failure(work: Promise<unknown>): Promise<UserpipeError> {
  const error = await work.then(() => assert.fail("it did not fail"), (error) => error);
  assert.ok(error instanceof UserpipeError, String(error));
  assert.notEqual(error.hint, "");
  return error;
}

/** The first ten records of seed "s" with short waits between tries, where nothing else is said. */
export function openHttp({ url }: { url: string }, options: Partial<HttpSourceOptions> = {}): Source {
  const backoff = { firstMs: 1, maxMs: 2 };
  return openHttpSource({ pipeline: users, url, seed: "s", page: 1, count: 10, backoff, ...options });
}

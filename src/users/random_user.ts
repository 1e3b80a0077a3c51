/**
 * The RandomUser API: its record (1.3 and 1.4) as far as it is carried, its addresses and its answers. What is not
 * carried is not checked, so an API that changes it stops nobody.
 */
import * as z from "zod/mini";
import type { RequestOptions, Result } from "../pipeline.ts";
import { checkBy, fitsBy, number, object, text, uuid } from "./fields.ts";
import { wanted } from "./wording.ts";

/** The version is named: without one the API answers with whichever is its newest. */
const API = "https://randomuser.me/api/1.4/";

/** The API takes more than this as 1, without a word. */
export const MAX_RESULTS = 5_000;

/** What the API lets one address fetch. */
export const QUOTA = { records: 20_000, windowMs: 5 * 60_000 };

/** The one definition of the API's record. `street.number` is a number in every answer of 1.3 and 1.4. */
const schema = object({
  gender: text,
  name: object({ first: text, last: text }),
  location: object({
    street: object({ number, name: text }),
    city: text,
    state: text,
    country: text,
    postcode: z.union([text, number], {
      error: (issue) =>
        typeof issue.input === "number"
          ? "a number too long to keep its digits"
          : wanted("a number or a string")(issue),
    }),
  }),
  email: text,
  login: object({ uuid, username: text }),
  dob: object({ date: text }),
  registered: object({ date: text }),
  phone: text,
  picture: object({ medium: text }),
});

/** A checked record of the API; it may have more fields, which are not carried. */
export type RandomUser = z.infer<typeof schema>;

const fits = fitsBy(schema);

export function checkRandomUser(raw: unknown): Result<RandomUser> {
  return fits(raw) ? { ok: true, value: raw as RandomUser } : checkBy(schema, raw);
}

/** The address of one page. What the base address asks for besides is kept. */
export function requestUsers({ url, results, page, seed, nat }: RequestOptions): URL {
  const address = new URL(url ?? API);
  address.searchParams.set("results", String(results));
  address.searchParams.set("page", String(page));
  address.searchParams.set("seed", seed);
  if (nat !== undefined) address.searchParams.set("nat", nat);
  return address;
}

/** An answer says in its `info` which seed its records are of. */
export function seedOfUsers(body: unknown): string | undefined {
  const seed = (body as { info?: { seed?: unknown } | null } | null)?.info?.seed;
  return typeof seed === "string" ? seed : undefined;
}

/** The records in an answer. In trouble the API has answered with an `error` text and with no results at all. */
export function unwrapUsers(body: unknown): Result<unknown[]> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return { ok: false, reason: `expected an object with "results"` };
  }
  const { results, error } = body as { results?: unknown; error?: unknown };
  if (typeof error === "string") return { ok: false, reason: `the answer is an error: ${error.slice(0, 200)}` };
  if (!Array.isArray(results)) return { ok: false, reason: `no list "results" in it` };
  if (results.length === 0) return { ok: false, reason: `its list "results" is empty` };
  return { ok: true, value: results };
}

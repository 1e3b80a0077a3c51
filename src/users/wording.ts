/** The words of a refusal: one line that names the field and says what was wanted and what came. */
import type * as z from "zod/mini";

/** A zod `error` that says what was wanted: `missing`, or `expected a string, got null`. */
export function wanted(what: string): (issue: { input?: unknown }) => string {
  return ({ input }) => input === undefined ? "missing" : `expected ${what}, got ${kindOf(input)}`;
}

/** What a JSON value is, in words that do not quote it: reasons are counted, so equal faults read the same. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The first thing that is wrong, for example `location.postcode: expected a number or a string, got null`. */
export function reasonOf(error: z.core.$ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return "refused";
  return issue.path.length === 0 ? issue.message : `${issue.path.join(".")}: ${issue.message}`;
}

/** The kinds of field that the API's record and the event share. Text is any well-formed string, as it came. */
// By its own name: of a namespace within a namespace the bundle would keep all, and zod's is 600 kB with its translations.
import { $ZodObjectJIT } from "zod/v4/core";
import * as z from "zod/mini";
import type { Result } from "../pipeline.ts";
import { reasonOf, wanted } from "./wording.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const text = z.string({ error: wanted("a string") });

/** Any UUID that Cassandra takes, whatever its version. */
export const uuid = z.string({ error: wanted("a string") }).check(z.regex(UUID, { error: "not a UUID" }));

/** A number that is written out as text. */
export const number = z.number({ error: wanted("a number") })
  .check(z.refine((value) => digitsOf(value) !== undefined, { error: "a number too long to keep its digits" }));

/** The object of zod's large form, which is checked by code made for its shape; `z.object` of the small form is slower. */
export function object<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.core.$ZodObject<Shape, z.core.$strip> {
  const error: z.core.$ZodErrorMap = ({ input }) => input === undefined ? "missing" : wanted("an object")({ input });
  return new $ZodObjectJIT({ type: "object", shape, error }) as z.core.$ZodObject<Shape, z.core.$strip>;
}

/**
 * Checks a value by its one definition, and that every text in the outcome has a UTF-8 form. The second is a walk of
 * its own because a refinement on each field costs three times as much.
 */
export function checkBy<T>(schema: z.core.$ZodType<T>, value: unknown): Result<T> {
  const parsed = z.safeParse(schema, value);
  if (!parsed.success) return { ok: false, reason: reasonOf(parsed.error) };
  const broken = loneSurrogate(parsed.data);
  if (broken !== undefined) return { ok: false, reason: `${broken}: a lone surrogate, which has no UTF-8 form` };
  return { ok: true, value: parsed.data };
}

/**
 * Makes a quick way to see that {@linkcode checkBy} would take a value as it is. It is made of the one definition, and where it says
 * no the full check says why, or takes it after all.
 */
export function fitsBy(schema: z.core.$ZodType): (value: unknown) => boolean {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  // Where the definition has more than its type and its checks, it is left to the full check.
  if ("format" in def || "catchall" in def) return () => false;
  const patterns = def.checks?.map((check) => (check as z.core.$ZodCheckRegex)._zod.def.pattern) ?? [];
  if (def.type === "object" && patterns.length === 0) {
    const names = Object.keys(def.shape);
    const fits = Object.values(def.shape).map(fitsBy);
    return (value) => {
      if (typeof value !== "object" || value === null) return false;
      for (let i = 0; i < names.length; i++) if (!fits[i]!((value as Record<string, unknown>)[names[i]!])) return false;
      return true;
    };
  }
  if (def.type === "union" && patterns.length === 0) {
    const options = def.options.map(fitsBy);
    return (value) => options.some((fits) => fits(value));
  }
  if (def.type === "string" && patterns.every((pattern) => pattern !== undefined)) {
    const text = (value: unknown): value is string => typeof value === "string" && value.isWellFormed();
    return patterns.length === 0 ? text : (value) => text(value) && patterns.every((pattern) => pattern.test(value));
  }
  return (value) => typeof value !== "string" && z.safeParse(schema, value).success;
}

/** The path of the first text that is not well-formed. */
function loneSurrogate(fields: unknown): string | undefined {
  for (const name in fields as Record<string, unknown>) {
    const value = (fields as Record<string, unknown>)[name];
    if (typeof value === "string") {
      if (!value.isWellFormed()) return name;
    } else if (typeof value === "object" && value !== null) {
      const inner = loneSurrogate(value);
      if (inner !== undefined) return `${name}.${inner}`;
    }
  }
}

/** A number's decimal digits, or `undefined` where reading it as JSON may have lost some (beyond 2^53, exponents). */
export function digitsOf(value: number): string | undefined {
  if (Number.isSafeInteger(value)) return String(value);
  const digits = String(value);
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER && !digits.includes("e") ? digits : undefined;
}

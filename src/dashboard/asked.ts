/** What a request asks for, checked: its parameters and its body, and how a route says that it cannot be had. */
import type { Context, Handler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { en } from "zod/locales";
import * as z from "zod/mini";
import { refuse } from "./answers.ts";

// The small form has no words of its own.
z.config(en());

/** That there is no such thing, or that it cannot be done as things are: said with a status of its own. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly hint: string;

  constructor(status: ContentfulStatusCode, code: string, message: string, hint: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

type Shape = Readonly<Record<string, z.ZodMiniType>>;
type Asked<S extends Shape> = z.infer<z.ZodMiniObject<S>>;

/**
 * A route that answers with what `work` gives, as JSON.
 * @param shape the parameters of the address that it takes; others are refused
 */
export function asking<S extends Shape>(shape: S, work: (asked: Asked<S>, c: Context) => Promise<unknown>): Handler {
  const schema = z.strictObject(shape);
  return answered(async (c) => await work(checked(schema, c.req.query(), "parameter") as Asked<S>, c));
}

/** The same for what changes something. @param shape the fields of the body, which is JSON; without one it has none */
export function doing<S extends Shape>(shape: S, work: (asked: Asked<S>, c: Context) => Promise<unknown>): Handler {
  const schema = z.strictObject(shape);
  return answered(async (c) => await work(checked(schema, jsonOf(await c.req.text()), "field") as Asked<S>, c));
}

function answered(work: (c: Context) => Promise<unknown>): Handler {
  return async (c) => {
    try {
      return c.json(await work(c) as object);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { status, code, message, hint } = error;
      return refuse(c, status, { code, message, hint });
    }
  };
}

function jsonOf(text: string): unknown {
  try {
    return text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    throw new Refused(400, "request", "The body is not JSON", "Send an object, as the page does");
  }
}

/** A part of the path. @throws {Refused} 400 */
export function partOf<T>(c: Context, name: string, schema: z.ZodMiniType<T>): T {
  const found = checked(z.object({ [name]: schema }), { [name]: c.req.param(name) }, "part of the address");
  return found[name] as T;
}

/** @throws {Refused} 400 with all that is wrong */
function checked<T>(schema: z.ZodMiniType<T>, given: unknown, what: string): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `The ${what} "${path.join(".")}": ${message}`
  );
  throw new Refused(400, "request", wrong.join("; "), "Look at what was sent");
}

/** As texts of an address have it. */
export function wholeNumber(least: number, most: number) {
  const error = `it takes a whole number from ${least} to ${most}`;
  const digits = z.string().check(z.regex(/^\d{1,16}$/, { error, abort: true }));
  const number = z.number().check(z.minimum(least, error), z.maximum(most, error));
  return z.pipe(z.pipe(digits, z.transform(Number)), number);
}

/** 64 bits are more than a number of JSON holds. */
export const offset = z.pipe(
  z.string().check(z.regex(/^\d{1,18}$/, "it takes an offset: digits")),
  z.transform((digits: string) => BigInt(digits)),
);

/** A text of some length; an empty one is none. */
export const text = z.pipe(
  z.string().check(z.maxLength(10_000, "it is longer than 10,000 characters")),
  z.transform((given) => given || undefined),
);

/** ms since the epoch. */
export const time = wholeNumber(0, 8.64e15);

/** How many at the most. */
export const limit = (most: number, usual: number) => z._default(wholeNumber(1, most), usual);

/**
 * The event on the topic and the row in the table: one definition, its bytes in both directions, its cells. The
 * fields stand in the order of the table's columns, and `JSON.stringify` keeps that order.
 */
import * as z from "zod/mini";
import type { Column, Result, Table, Value } from "../pipeline.ts";
import { Slab } from "../slab.ts";
import { checkBy, object, text, uuid } from "./fields.ts";
import { wanted } from "./wording.ts";

export const TOPIC = "users_created";

/** Grows with each added column. */
export const SCHEMA_VERSION = "1";

/** The one definition of the event. Only `dob` may be null: the stack that people come from has no such column. */
const schema = object({
  id: uuid.check(z.toLowerCase()),
  first_name: text,
  last_name: text,
  gender: text,
  address: text,
  post_code: z.string({ error: wanted("a string or a number that keeps its digits") }),
  email: text,
  username: text,
  dob: z.nullable(text),
  registered_date: text,
  phone: text,
  picture: text,
});

export type CreatedUser = z.infer<typeof schema>;

/** What is published, for others who share the topic; draft 7 is what every registry and client knows. */
export function jsonSchema(): Record<string, unknown> {
  return { title: "CreatedUser", ...z.toJSONSchema(schema, { target: "draft-7" }) };
}

const NAMES = Object.keys(schema._zod.def.shape) as (keyof CreatedUser)[];

export const TABLE: Table = {
  keyspace: "spark_streams",
  name: "created_users",
  columns: NAMES.map((name): Column => ({ name, type: name === "id" ? "uuid" : "text" })),
};

const slab = new Slab();
/** `fatal` refuses what is not UTF-8; `ignoreBOM` keeps a byte order mark, which JSON does not allow, to be refused. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encode(event: CreatedUser): Uint8Array {
  return slab.encode(JSON.stringify(event));
}

export function decode(bytes: Uint8Array): Result<CreatedUser> {
  if (bytes.length === 0) return { ok: false, reason: "empty value" };
  let json: string;
  let value: unknown;
  try {
    json = decoder.decode(bytes);
  } catch {
    return { ok: false, reason: "not UTF-8" };
  }
  try {
    value = JSON.parse(json);
  } catch (error) {
    return { ok: false, reason: `not JSON: ${problemOf(json, error as SyntaxError)}` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, reason: "not a JSON object" };
  }
  return checkBy(schema, inOurForm(value, json));
}

export function toValues(event: CreatedUser): Value[] {
  return NAMES.map((name) => event[name]);
}

/** What other writers may send, in the form of ours: `post_code` as a JSON number, no `dob`. */
function inOurForm(fields: { post_code?: unknown; dob?: unknown }, json: string): unknown {
  if (typeof fields.post_code === "number") fields.post_code = digits(fields.post_code, json);
  fields.dob ??= null;
  return fields;
}

/** The decimal string of `post_code`; the number itself, to be refused, where they are out of reach. */
function digits(number: number, json: string): string | number {
  if (Number.isSafeInteger(number)) return String(number);
  // Any other number may have lost digits: those that were written are still in the JSON.
  try {
    const literals = JSON.parse(json, literalNumbers) as { post_code: string };
    return /e/i.test(literals.post_code) ? number : literals.post_code;
  } catch {
    // With a function JSON.parse goes down into the value on the stack, which a deep enough one exhausts.
    return number;
  }
}

function literalNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === "number" ? context?.source : value;
}

/** What JSON.parse found, without its quotation of the value and the place: reasons are counted. */
function problemOf(json: string, error: SyntaxError): string {
  if (json.startsWith("\ufeff")) return "it begins with a byte order mark";
  const problem = error.message.replace(/(, "|, \.\.\.| in JSON at| at position| is not valid JSON).*$/s, "");
  return problem.replace(/\p{C}/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

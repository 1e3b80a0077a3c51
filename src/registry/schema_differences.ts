/** How two JSON Schemas of an object differ, field by field, in words. */
import type { JsonSchema } from "./registry.ts";

/**
 * A line for each field that differs, then what is said of all.
 * @param theirs what is registered
 */
export function schemaDifferences(theirs: JsonSchema, ours: JsonSchema): string[] {
  const [there, here] = [fieldsOf(theirs), fieldsOf(ours)];
  const names = new Set([...there.keys(), ...here.keys()]);
  const lines = [...names].flatMap((name) => {
    const line = difference(there.get(name), here.get(name));
    return line === undefined ? [] : [`${name}: ${line}`];
  });
  const [open, ourOpen] = [isOpen(theirs), isOpen(ours)];
  if (open !== ourOpen) {
    lines.push(`other fields: ${open ? "allowed" : "refused"} there, ${ourOpen ? "allowed" : "refused"} by ours`);
  }
  if (typeText(theirs) !== typeText(ours)) {
    lines.push(`the value: ${typeText(theirs)} there, ${typeText(ours)} by ours`);
  }
  return lines;
}

interface Field {
  schema: unknown;
  required: boolean;
}

function fieldsOf({ properties, required }: JsonSchema): Map<string, Field> {
  const needed = Array.isArray(required) ? required : [];
  const entries = isObject(properties) ? Object.entries(properties) : [];
  return new Map(entries.map(([name, schema]) => [name, { schema, required: needed.includes(name) }]));
}

function difference(theirs: Field | undefined, ours: Field | undefined): string | undefined {
  if (theirs === undefined) return `not there, ${fieldText(ours!)} by ours`;
  if (ours === undefined) return `${fieldText(theirs)} there, not in ours`;
  if (typeText(theirs.schema) !== typeText(ours.schema) || theirs.required !== ours.required) {
    return `${fieldText(theirs)} there, ${fieldText(ours)} by ours`;
  }
  const rules = rulesThatDiffer(theirs.schema, ours.schema);
  return rules.length === 0 ? undefined : `other rules by ours (${rules.join(", ")})`;
}

function fieldText({ schema, required }: Field): string {
  return `${required ? "required" : "optional"} ${typeText(schema)}`;
}

/** `string`, `string or null`. */
function typeText(schema: unknown): string {
  if (!isObject(schema)) return schema === false ? "nothing" : "anything";
  const { type, anyOf, oneOf, $ref } = schema;
  const either = anyOf ?? oneOf;
  if (Array.isArray(either)) return either.map(typeText).sort(nullLast).join(" or ");
  if (Array.isArray(type)) return type.map(String).sort(nullLast).join(" or ");
  return String(type ?? $ref ?? "anything");
}

function nullLast(a: string, b: string): number {
  if (a === "null" || b === "null") return Number(a === "null") - Number(b === "null");
  return a < b ? -1 : Number(a > b);
}

/** Words for people say nothing of what is valid. */
const SAID: readonly string[] = ["title", "description", "type", "anyOf", "oneOf", "examples", "default", "$comment"];

function rulesThatDiffer(theirs: unknown, ours: unknown): string[] {
  if (!isObject(theirs) || !isObject(ours)) return [];
  const rules = new Set([...Object.keys(theirs), ...Object.keys(ours)].filter((rule) => !SAID.includes(rule)));
  return [...rules].filter((rule) => JSON.stringify(theirs[rule]) !== JSON.stringify(ours[rule]));
}

function isOpen({ additionalProperties }: JsonSchema): boolean {
  return additionalProperties !== false;
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

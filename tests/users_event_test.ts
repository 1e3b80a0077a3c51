/** The event's bytes on the topic: what is read, ours or others', and what is refused with which reason. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { users } from "../src/users/pipeline.ts";
import { record } from "./support/records.ts";
import { reasonOf, valueOf } from "./support/results.ts";

const COLUMNS = users.table.columns.map(({ name }) => name);
const RUNS = { numRuns: 1_000 };

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);

const OURS = text(users.encode(users.normalise(valueOf(users.check(record())))));

/** The JSON of an event with `field` written as `json`, or left out. */
function withField(field: string, json?: string): Uint8Array {
  const fields = Object.entries(JSON.parse(OURS)).map(([name, value]) => [name, JSON.stringify(value)]);
  const kept = fields.filter(([name]) => name !== field);
  if (json !== undefined) kept.push([field, json]);
  return bytes(`{${kept.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(", ")}}`);
}

const VALUES: [value: Uint8Array, reason: string][] = [
  [bytes(""), "empty value"],
  [bytes("hello"), "not JSON: Unexpected token 'h'"],
  [bytes("{\n"), "not JSON: Expected property name or '}'"],
  [bytes(`{"id": "`), "not JSON: Unterminated string"],
  [bytes("\u0000"), "not JSON: Unexpected token '\\u{0}'"],
  [bytes("\ufeff" + OURS), "not JSON: it begins with a byte order mark"],
  [bytes("null"), "not a JSON object"],
  [bytes("[]"), "not a JSON object"],
  [bytes(`"text"`), "not a JSON object"],
  [bytes("7"), "not a JSON object"],
  [new Uint8Array([0x7b, 0xff, 0x7d]), "not UTF-8"],
  [new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), "not UTF-8"],
  [withField("id"), "id: missing"],
  [withField("id", `"7"`), "id: not a UUID"],
  [withField("id", "null"), "id: expected a string, got null"],
  [withField("email"), "email: missing"],
  [withField("email", "null"), "email: expected a string, got null"],
  [withField("first_name", "12"), "first_name: expected a string, got a number"],
  [withField("dob", "12"), "dob: expected a string, got a number"],
  [withField("post_code"), "post_code: missing"],
  [withField("post_code", "null"), "post_code: expected a string or a number that keeps its digits, got null"],
  [withField("post_code", "1e21"), "post_code: expected a string or a number that keeps its digits, got a number"],
  [withField("phone", `"\\ud800"`), "phone: a lone surrogate, which has no UTF-8 form"],
  [withField("phone", `"\\udc00\\ud800"`), "phone: a lone surrogate, which has no UTF-8 form"],
];
for (const [i, [value, reason]] of VALUES.entries()) {
  Deno.test(`a value is refused with "${reason}" (value ${i + 1})`, () => {
    assert.equal(reasonOf(users.decode(value)), reason);
  });
}

for (
  const [json, digits] of [
    ["12345", "12345"],
    ["0", "0"],
    ["-12", "-12"],
    ["90210.0", "90210"],
    ["1.50", "1.50"],
    ["9007199254740993", "9007199254740993"],
    ["12345678901234567890", "12345678901234567890"],
    ["1e5", "100000"],
  ]
) {
  Deno.test(`a post_code that is the JSON number ${json} becomes "${digits}"`, () => {
    assert.equal(valueOf(users.decode(withField("post_code", json))).post_code, digits);
  });
}

Deno.test("a value that is nested too deeply to find the digits of its post_code is refused", () => {
  const deep = withField("post_code", `1.5, "extra": ${"[".repeat(200_000)}${"]".repeat(200_000)}`);
  assert.equal(
    reasonOf(users.decode(deep)),
    "post_code: expected a string or a number that keeps its digits, got a number",
  );
});

Deno.test("a dob that is missing or null is null, and written as null", () => {
  for (const value of [withField("dob"), withField("dob", "null")]) {
    const event = valueOf(users.decode(value));
    assert.equal(event.dob, null);
    assert.equal(users.toValues(event)[8], null);
    assert.match(text(users.encode(event)), /"dob":null/);
  }
});

Deno.test("unknown fields are ignored, those with the names of a prototype too", () => {
  for (const name of ["extra", "__proto__", "constructor", "toString"]) {
    assert.deepEqual(valueOf(users.decode(withField(name, `{"id": 5}`))), JSON.parse(OURS));
  }
});

Deno.test("an id in capitals is lower-cased, and a pair of surrogate escapes is one character", () => {
  const id = "ABCDEF01-2345-1789-0ABC-DEF012345678";
  assert.equal(valueOf(users.decode(withField("id", JSON.stringify(id)))).id, id.toLowerCase());
  assert.equal(valueOf(users.decode(withField("phone", `"\\ud83d\\ude00\\u0000"`))).phone, "😀\u0000");
});

const string = fc.string({ unit: "binary" });
const event = fc.record({
  id: fc.uuid(),
  first_name: string,
  last_name: string,
  gender: string,
  address: string,
  post_code: string,
  email: string,
  username: string,
  dob: fc.option(string),
  registered_date: string,
  phone: string,
  picture: string,
}, { noNullPrototype: true });

Deno.test("what is encoded is decoded to the same event", () => {
  fc.assert(fc.property(event, (made) => assert.deepEqual(valueOf(users.decode(users.encode(made))), made)), RUNS);
});

Deno.test("decode never throws, and refuses in one line", () => {
  const nearly = fc.tuple(fc.constantFrom(...COLUMNS), fc.json())
    .map(([name, json]) => withField(name, json));
  const value = fc.oneof(fc.uint8Array(), fc.json().map(bytes), fc.string({ unit: "binary" }).map(bytes), nearly);
  fc.assert(
    fc.property(value, (made) => {
      const result = users.decode(made);
      // deno-lint-ignore no-control-regex
      if (!result.ok) assert.match(result.reason, /^[^\u0000-\u001f]+$/);
    }),
    RUNS,
  );
});

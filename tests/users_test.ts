/** What a user is: the API's record, and the event that it becomes. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ageGroup, users } from "../src/users/pipeline.ts";
import { type ApiRecord, AWKWARD, changed, record } from "./support/records.ts";
import { reasonOf, valueOf } from "./support/results.ts";

const SAMPLE = new URL("../../shared/data/randomuser.json", import.meta.url);
const COLUMNS = [
  ["id", "uuid"],
  ["first_name", "text"],
  ["last_name", "text"],
  ["gender", "text"],
  ["address", "text"],
  ["post_code", "text"],
  ["email", "text"],
  ["username", "text"],
  ["dob", "text"],
  ["registered_date", "text"],
  ["phone", "text"],
  ["picture", "text"],
];

const text = (value: Uint8Array) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);

/** The event by the rules as they are written down, one by one. */
// deno-lint-ignore no-explicit-any
function expected(r: any): string {
  const { street, city, state, country, postcode } = r.location;
  return "{" + [
    ["id", r.login.uuid.toLowerCase()],
    ["first_name", r.name.first],
    ["last_name", r.name.last],
    ["gender", r.gender],
    ["address", street.number + " " + street.name + ", " + city + ", " + state + ", " + country],
    ["post_code", typeof postcode === "number" ? postcode.toString() : postcode],
    ["email", r.email],
    ["username", r.login.username],
    ["dob", r.dob.date],
    ["registered_date", r.registered.date],
    ["phone", r.phone],
    ["picture", r.picture.medium],
  ].map(([name, value]) => JSON.stringify(name) + ":" + JSON.stringify(value)).join(",") + "}";
}

function eventOf(raw: unknown) {
  return users.normalise(valueOf(users.check(raw)));
}

const sampleIsThere = await Deno.stat(SAMPLE).then(() => true, () => false);
Deno.test({
  name: sampleIsThere
    ? "all 1,054 recorded users pass and become the event that the rules say"
    : "all 1,054 recorded users pass (skipped: ../shared/data/randomuser.json is not there)",
  ignore: !sampleIsThere,
  fn: async () => {
    const recorded: unknown[] = JSON.parse(await Deno.readTextFile(SAMPLE));
    assert.equal(recorded.length, 1054);
    for (const raw of recorded) {
      const event = eventOf(raw);
      assert.equal(text(users.encode(event)), expected(raw));
      assert.deepEqual(valueOf(users.decode(users.encode(event))), event);
    }
  },
});

for (const [kind, raw] of Object.entries(AWKWARD)) {
  Deno.test(`a record with ${kind} passes and is carried as it came`, () => {
    const event = eventOf(raw);
    assert.equal(text(users.encode(event)), expected(raw));
    assert.deepEqual(valueOf(users.decode(users.encode(event))), event);
  });
}

Deno.test("awkward values come out as they are written here", () => {
  assert.equal(eventOf(AWKWARD["a postcode that is a number"]).post_code, "4051");
  assert.equal(eventOf(AWKWARD["a postcode with leading zeros"]).post_code, "0042");
  assert.equal(eventOf(AWKWARD["stray spaces"]).first_name, " Inga  Lill ");
  assert.equal(eventOf(AWKWARD["stray spaces"]).address, "12   Ved Kanalen, Nordby , Testland, Nowhere");
  assert.equal(eventOf(AWKWARD["zero-width characters"]).last_name, "A\u200bB\u200d\ufeff");
  assert.equal(eventOf(AWKWARD["an id in capitals"]).id, "0f0e0d0c-0b0a-4908-8706-abcdef00006e");
  const { first_name, last_name } = eventOf(AWKWARD["letters in both normal forms"]);
  assert.deepEqual([first_name, last_name], ["Zoe\u0301", "Zo\u00e9"]);
});

Deno.test("topic, table, columns and cells are the ones that are written down", () => {
  assert.equal(users.topic, "users_created");
  assert.deepEqual([users.table.keyspace, users.table.name], ["spark_streams", "created_users"]);
  assert.deepEqual(users.table.columns.map(({ name, type }) => [name, type]), COLUMNS);
  const event = eventOf(record());
  assert.deepEqual(Object.keys(event), COLUMNS.map(([name]) => name));
  assert.deepEqual(users.toValues(event), Object.values(event));
  assert.equal(users.key(event), event.id);
});

type Change = (r: ApiRecord) => void;
const REFUSED: [reason: string, change: Change][] = [
  ["login.uuid: not a UUID", (r) => r.login.uuid = "not-a-uuid"],
  ["login.uuid: not a UUID", (r) => r.login.uuid = "{0f0e0d0c-0b0a-4908-8706-050403020100}"],
  ["login.uuid: missing", (r) => delete r.login.uuid],
  ["login: missing", (r) => delete (r as Partial<ApiRecord>).login],
  ["location.postcode: expected a number or a string, got null", (r) => r.location.postcode = null],
  ["location.postcode: missing", (r) => delete r.location.postcode],
  ["location.postcode: a number too long to keep its digits", (r) => r.location.postcode = 1e21],
  ["location.street: expected an object, got a string", (r) => Object.assign(r.location, { street: "12 Musterweg" })],
  ["location.street.number: expected a number, got a string", (r) => r.location.street.number = "12"],
  ["name.first: expected a string, got a number", (r) => r.name.first = 5],
  ["dob.date: expected a string, got null", (r) => r.dob.date = null],
  ["picture.medium: expected a string, got an array", (r) => r.picture.medium = []],
  ["phone: expected a string, got a boolean", (r) => r.phone = false],
  ["name.last: a lone surrogate, which has no UTF-8 form", (r) => r.name.last = "a\ud800b"],
];
for (const [i, [reason, change]] of REFUSED.entries()) {
  Deno.test(`an API record is refused with "${reason}" (change ${i + 1})`, () => {
    assert.equal(reasonOf(users.check(changed(change))), reason);
  });
}

Deno.test("what is no object is refused as a record", () => {
  assert.equal(reasonOf(users.check(null)), "expected an object, got null");
  assert.equal(reasonOf(users.check([record()])), "expected an object, got an array");
  assert.equal(reasonOf(users.check({})), "gender: missing");
});

Deno.test("an API record is not refused for a field that is not carried", () => {
  const raw = changed((r) => {
    r.id = { name: 5 };
    r.cell = null;
    r.nat = {};
    r.name.title = 1;
    r.dob.age = "old";
    r.location.coordinates = null;
    Object.assign(r, { extra: "\ud800", constructor: 1 });
  });
  assert.deepEqual(eventOf(raw), eventOf(record()));
});

Deno.test("request asks for page, results and seed, names the version, and keeps what the address asks for", () => {
  const plain = users.request({ results: 5000, page: 3, seed: "a b&c", nat: "gb,us" });
  assert.equal(plain.href, "https://randomuser.me/api/1.4/?results=5000&page=3&seed=a+b%26c&nat=gb%2Cus");
  const other = users.request({ url: "http://127.0.0.1:8080/x?key=1&page=9", results: 1, page: 2, seed: "s" });
  assert.equal(other.href, "http://127.0.0.1:8080/x?key=1&page=2&results=1&seed=s");
});

Deno.test("unwrap gives the results of an answer, or why it has none", () => {
  assert.deepEqual(valueOf(users.unwrap({ results: [1], info: {} })), [1]);
  assert.equal(reasonOf(users.unwrap({ error: "Uh oh" })), "the answer is an error: Uh oh");
  assert.equal(reasonOf(users.unwrap({ results: [] })), `its list "results" is empty`);
  assert.equal(reasonOf(users.unwrap({ results: {} })), `no list "results" in it`);
  for (const body of [null, [], "x", 5, undefined]) {
    assert.equal(reasonOf(users.unwrap(body)), `expected an object with "results"`);
  }
});

Deno.test("facets name country, gender and the decade of the age", () => {
  const event = eventOf(record());
  assert.deepEqual(users.facets.map(({ name }) => name), ["country", "gender", "age"]);
  assert.deepEqual(users.facets.slice(0, 2).map(({ of }) => of(event)), ["Nowhere", "female"]);
  const now = Date.parse("2026-03-01T00:00:00Z");
  assert.equal(ageGroup("1986-02-28T00:00:00Z", now), "40-49");
  assert.equal(ageGroup("1986-03-02T00:00:00Z", now), "30-39");
  assert.deepEqual([null, "soon", "2027-01-01T00:00:00Z"].map((dob) => ageGroup(dob, now)), Array(3).fill("unknown"));
});

/** Texts of any UTF-16 code units, lone surrogates among them. */
const units = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) });
const anyJson = fc.oneof(fc.jsonValue(), units);
const RUNS = { numRuns: 1_000 };

Deno.test("check never throws on any JSON, and what passes has bytes that decode to it", () => {
  const path = fc.constantFrom(
    "gender",
    "name.first",
    "location",
    "location.street.number",
    "location.postcode",
    "login.uuid",
  );
  const nearly = fc.tuple(path, anyJson).map(([where, value]) =>
    changed((r) => {
      const names = where.split(".");
      const last = names.pop()!;
      // deno-lint-ignore no-explicit-any
      names.reduce((at: any, name) => at[name], r)[last] = value;
    })
  );
  fc.assert(
    fc.property(fc.oneof(anyJson, nearly), (raw) => {
      const result = users.check(raw);
      if (!result.ok) return;
      const made = users.normalise(result.value);
      assert.deepEqual(valueOf(users.decode(users.encode(made))), made);
    }),
    RUNS,
  );
});

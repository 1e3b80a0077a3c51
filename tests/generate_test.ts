/** The generator's records: the API's shape, the same for a seed, different for others. */
import assert from "node:assert/strict";
import { users } from "../src/users/pipeline.ts";
import { record } from "./support/records.ts";

const COUNT = 5_000;

interface Generated {
  gender: string;
  location: { postcode: unknown; country: string };
  login: { uuid: string; md5: string; sha1: string; sha256: string };
  id: { value: unknown };
  dob: { date: string };
}

function generated(seed: string, count = COUNT): Generated[] {
  return [...users.generate(seed, count)] as Generated[];
}

/** The names of all fields at any depth, in order. */
function shape(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) => shape(inner, `${path}.${name}`));
}

Deno.test("generated records have every field of the API's, and all pass its check", () => {
  for (const made of generated("shape")) {
    assert.deepEqual(shape(made), shape(record()));
    const checked = users.check(made);
    assert.ok(checked.ok, checked.ok ? "" : checked.reason);
    assert.equal(users.normalise(checked.value).id, made.login.uuid);
  }
});

Deno.test("the same seed gives the same records, and a larger count begins with them", () => {
  assert.deepEqual(generated("again"), generated("again"));
  assert.deepEqual(generated("again", COUNT + 1).slice(0, COUNT), generated("again"));
  assert.deepEqual(generated("again", 0), []);
});

Deno.test("ids are version 4 UUIDs, no two alike in one seed or in two", () => {
  const ids = ["", "a", "b", "aa", "1", "2"].flatMap((seed) => generated(seed).map(({ login }) => login.uuid));
  assert.equal(new Set(ids).size, 6 * COUNT);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

Deno.test("the oddities of the API's records are among the generated ones", () => {
  const made = generated("odd");
  const some = (test: (record: Generated) => boolean) => assert.ok(made.some(test), String(test));
  const whole = (pattern: RegExp) => (r: Generated) => pattern.test(JSON.stringify(r));
  some(({ location }) => typeof location.postcode === "number");
  some(({ location }) => typeof location.postcode === "string" && location.postcode.startsWith("0"));
  some(({ id }) => id.value === null);
  some(({ id }) => typeof id.value === "string");
  some(whole(/\p{Script=Arabic}/u));
  some(whole(/\p{Script=Cyrillic}/u));
  some(whole(/\u200c/));
  some(whole(/ "/));
  some(whole(/"phone":"[^"]*[A-Z]/));
  assert.ok(new Set(made.map(({ location }) => location.country)).size >= 10);
});

Deno.test("a generated event has the size of a real one, and sensible dates and digests", () => {
  const made = generated("size");
  let bytes = 0;
  for (const raw of made) {
    const checked = users.check(raw);
    assert.ok(checked.ok);
    bytes += users.encode(users.normalise(checked.value)).length;
    assert.ok(Date.parse(raw.dob.date) < Date.UTC(2006, 0, 1) && Date.parse(raw.dob.date) > Date.UTC(1940, 0, 1));
    const { md5, sha1, sha256 } = raw.login;
    assert.deepEqual([md5.length, sha1.length, sha256.length], [32, 40, 64]);
  }
  assert.ok(bytes / COUNT > 350 && bytes / COUNT < 500, `${bytes / COUNT} bytes`);
});

/** Values with and without a schema's id before their JSON: written, read the fast way and the long, shown, and refused. */
import assert from "node:assert/strict";
import type { Delivered } from "../src/broker/broker.ts";
import { messagesOf } from "../src/dashboard/views/message_text.ts";
import type { Pipeline } from "../src/pipeline.ts";
import { users as created } from "../src/pipelines.ts";
import { valueOf } from "../src/query/bytes.ts";
import { Slab } from "../src/slab.ts";
import { checkMessages } from "../src/stream/rows.ts";
import { payloadOf, prefixOf, schemaIdOf } from "../src/wire_format.ts";
import { record } from "./support/records.ts";

const users: Pipeline = created;
const slab = new Slab();
const encoder = new TextEncoder();

function event(n: number): Record<string, unknown> {
  const checked = users.check(record(n));
  assert.ok(checked.ok);
  return users.normalise(checked.value) as Record<string, unknown>;
}

function delivered(value: Uint8Array, offset = 0): Delivered {
  return { partition: 0, offset: BigInt(offset), key: null, value, headers: {}, timestamp: 1_000 };
}

/** `json` behind the prefix of a schema. */
function framed(id: number, json: string): Uint8Array {
  return slab.join(prefixOf(id), encoder.encode(json));
}

const check = (values: Uint8Array[], badSchemas?: ReadonlyMap<number, string>) =>
  checkMessages(users, "t", values.map(delivered), 2_000, { badSchemas });

Deno.test("the prefix is a zero byte and the id in four bytes, big endian", () => {
  assert.deepEqual([...prefixOf(0x01020304)], [0, 1, 2, 3, 4]);
  for (const id of [0, 1, 255, 65_536, 2 ** 31, 2 ** 32 - 1]) assert.equal(schemaIdOf(framed(id, "{}")), id);
  assert.equal(schemaIdOf(encoder.encode("{}")), undefined);
  assert.equal(schemaIdOf(Uint8Array.of(0, 0, 0, 1)), undefined);
});

Deno.test("a value is joined with its prefix, whatever its size, and what was joined before stays as it was", () => {
  const texts = ["", "a", "b".repeat(425), "c".repeat(40_000), "d".repeat(16_000)];
  const joined = Array.from({ length: 20 }, () => texts).flat().map((text, n) => ({ text, n, value: framed(n, text) }));
  for (const { text, n, value } of joined) {
    assert.equal(schemaIdOf(value), n);
    assert.equal(new TextDecoder().decode(payloadOf(value)), text);
  }
  const bytes = encoder.encode("as it is");
  assert.equal(slab.join(undefined, bytes), bytes);
});

Deno.test("a value with a prefix gives the row that it gives without, the fast way and the long", () => {
  const plain = JSON.stringify(event(1));
  const escaped = JSON.stringify({ ...event(2), first_name: 'a "name"\n' });
  const foreign = JSON.stringify({ more: [1], ...event(3), post_code: 12345, dob: undefined });
  for (const json of [plain, escaped, foreign]) {
    const { rows, refused } = check([encoder.encode(json), framed(7, json)]);
    assert.deepEqual(refused, []);
    assert.deepEqual(rows[1]!.values, rows[0]!.values);
  }
});

Deno.test("the key of a value with a prefix is compared too", () => {
  const { id } = event(1) as { id: string };
  const message = delivered(framed(7, JSON.stringify(event(1))));
  const oddKeys = (key: string) => checkMessages(users, "t", [{ ...message, key: encoder.encode(key) }], 2_000).oddKeys;
  assert.deepEqual([oddKeys(id), oddKeys(id.replace("0", "1"))], [0, 1]);
});

Deno.test("what is no JSON object behind a prefix is refused with its reason", () => {
  const values = [Uint8Array.of(0), Uint8Array.of(0, 0, 0, 0, 1), framed(1, "\x02avro"), framed(1, "[]")];
  const { rows, refused } = check(values);
  assert.equal(rows.length, 0);
  assert.deepEqual(refused.map(({ reason }) => reason.replace(/not JSON: .*/, "not JSON")), [
    "empty value",
    "empty value",
    "not JSON",
    "not a JSON object",
  ]);
});

Deno.test("a value of a schema that cannot be read is refused, and those of others are not", () => {
  const json = JSON.stringify(event(1));
  const values = [framed(1, json), framed(2, json), encoder.encode(json), framed(1, json)];
  const { rows, refused } = check(values, new Map([[2, "the schema registry has no schema of the id 2"]]));
  assert.equal(rows.length, 3);
  assert.deepEqual(refused.map(({ at, reason }) => [at, reason]), [
    ["t/0/1", "the schema registry has no schema of the id 2"],
  ]);
});

Deno.test("people are shown the JSON; other bytes that begin with zero are shown whole", () => {
  assert.deepEqual(valueOf(framed(7, '{"a":1}')), { a: 1 });
  assert.equal(valueOf(Uint8Array.of(0, 0, 0, 0, 1, 0xff)), "0x0000000001ff");
});

Deno.test("the page shows the JSON and the id of its schema", () => {
  const json = JSON.stringify(event(1));
  const shown = messagesOf([delivered(framed(7, json)), delivered(encoder.encode(json), 1)], {
    pipeline: users,
    topic: "t",
    whole: true,
  });
  assert.deepEqual(shown.map(({ value, schemaId }) => [value, schemaId]), [[json, 7], [json, undefined]]);
  assert.deepEqual(shown[0]!.event, event(1));
});

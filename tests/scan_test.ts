/** The fast reading of a value gives what the full check gives, or leaves the value to it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type PackedRow, Packer } from "../src/packed.ts";
import { scannerOf } from "../src/scan.ts";
import type { Pipeline } from "../src/pipeline.ts";
import { users as created } from "../src/pipelines.ts";
import { AWKWARD, record, records } from "./support/records.ts";

const users: Pipeline = created;
const { columns } = users.table;
const scan = scannerOf(columns);
const encoder = new TextEncoder();

/** The row that the scan makes of a value, if any. */
function scanned(value: Uint8Array, packer = new Packer(columns)): { row: PackedRow; id: number } | undefined {
  const id = scan(value, packer);
  return id < 0 ? undefined : { row: packer.row(7), id };
}

/** Where the scan takes a value, the full check takes it too, and its cells are the same. */
function agrees(value: Uint8Array): boolean {
  const found = scanned(value);
  if (found === undefined) return false;
  const full = users.decode(value);
  assert.ok(full.ok, new TextDecoder().decode(value));
  assert.deepEqual(found.row.values, users.toValues(full.value));
  const id = new TextDecoder().decode(value.subarray(found.id, found.id + 36));
  assert.equal(id, users.key(full.value));
  return true;
}

function event(n: number): Record<string, string> {
  const checked = users.check(record(n));
  assert.ok(checked.ok);
  return users.normalise(checked.value) as Record<string, string>;
}

Deno.test("the scan takes every event as ingest writes it, whatever its letters", () => {
  for (const raw of records(500)) {
    const checked = users.check(raw);
    assert.ok(checked.ok);
    assert.ok(agrees(users.encode(users.normalise(checked.value))));
  }
  const awkward = Object.values(AWKWARD).map((raw) => users.check(raw));
  const taken = awkward.filter((checked) => checked.ok && agrees(users.encode(users.normalise(checked.value))));
  // All but the one with quotes and a line break, which are written as escapes.
  assert.equal(taken.length, awkward.length - 1);
  for (const text of ["", "é", "مهسا", "𝒳😀", "\u007f", "a".repeat(300), "é".repeat(200)]) {
    assert.ok(agrees(encoder.encode(JSON.stringify({ ...event(1), first_name: text }))), text);
  }
});

Deno.test("the scan takes what Python writes, with a space behind colon and comma", () => {
  const json = JSON.stringify(event(1)).replaceAll('":"', '": "').replaceAll('","', '", "');
  assert.ok(agrees(encoder.encode(json)));
});

Deno.test("what is written in another way, and what is wrong, is left to the full check with nothing packed", () => {
  const one = event(1);
  const others: unknown[] = [
    { ...one, dob: null },
    { ...one, post_code: 12345 },
    { ...one, more: "x" },
    { ...one, id: one.id!.toUpperCase() },
    { ...one, id: "none" },
    { ...one, first_name: 'quote " and \\ and \n' },
    Object.fromEntries(Object.entries(one).reverse()),
    [one],
    null,
  ];
  for (const other of others) {
    const packer = new Packer(columns);
    assert.equal(scan(encoder.encode(JSON.stringify(other)), packer), -1, JSON.stringify(other));
    assert.equal(packer.at, 0);
  }
  const { dob: _, ...without } = one;
  assert.equal(scanned(encoder.encode(JSON.stringify(without))), undefined);
  assert.equal(scanned(new Uint8Array()), undefined);
});

Deno.test("of values that were changed at random, the scan takes none that the full check refuses or reads otherwise", () => {
  const values = records(20).map((raw) => {
    const checked = users.check(raw);
    return users.encode(users.normalise((checked as { value: unknown }).value));
  });
  let taken = 0;
  const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.nat(3), how: fc.nat(3) });
  fc.assert(
    fc.property(fc.constantFrom(...values), fc.array(change, { minLength: 1, maxLength: 3 }), (value, changes) => {
      let bytes = [...value];
      for (const { at, byte, cut, how } of changes) {
        const place = at % bytes.length;
        // Near the bytes that are there, so that some of what comes of it is still a record.
        const near = how === 0 ? byte : how === 1 ? bytes[place]! ^ 1 : how === 2 ? 0x80 | byte : 0x22;
        bytes = [...bytes.slice(0, place), near, ...bytes.slice(place + cut)];
      }
      if (agrees(Uint8Array.from(bytes))) taken++;
    }),
    { numRuns: 5_000 },
  );
  assert.ok(taken > 50, `${taken} were taken`);
});

Deno.test("rows of any texts come out of the packed form as they went in", () => {
  const text = fc.option(fc.string({ unit: "grapheme", maxLength: 300 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uuid(), text, text), { minLength: 1, maxLength: 20 }), (rows) => {
      const packer = new Packer([{ name: "id", type: "uuid" }, { name: "a", type: "text" }, {
        name: "b",
        type: "text",
      }]);
      const packed = rows.map((values) => {
        packer.add(values);
        return packer.row(0);
      });
      assert.deepEqual(packed.map(({ values }) => values), rows);
    }),
  );
});

/** The part of the store's contract suite about columns of other types than text, and keys that are texts. */
import assert from "node:assert/strict";
import { type PackedRow, Packer } from "../../src/packed.ts";
import type { Column, Row, Value } from "../../src/pipeline.ts";
import { type Check, has, put, selected, T } from "./store_fixture.ts";

const TYPED: readonly Column[] = [
  { name: "id", type: "text" },
  { name: "at", type: "timestamp" },
  { name: "degrees", type: "double" },
  { name: "owner", type: "uuid" },
];
const OWNER = "64252866-d040-4e27-b9b2-2c72a03e4790";
const AT = "2026-01-31T12:00:00.123Z";

const typed = (id: string, at: Value, degrees: Value, owner: Value = OWNER): Row => ({
  values: [id, at, degrees, owner],
  writeTime: T,
});

const GOOD = [
  typed("Zürich 1", AT, "21.5"),
  typed("a b'c", "1970-01-01T00:00:00.000Z", "0"),
  typed("long ago", "0001-01-01T00:00:00.000Z", "-1.7976931348623157e+308"),
  typed("small", AT, "5e-324"),
  typed("large", AT, "9007199254740993000"),
  typed("third", AT, "0.3333333333333333"),
  typed("nulls", null, null, null),
];

export function typesContract(check: Check): void {
  check("numbers, times and keys of text come back as they were written, packed or not", async ({ ready }) => {
    const store = await ready({ columns: TYPED });
    const packer = new Packer(TYPED);
    const packed = GOOD.map(({ values, writeTime }): PackedRow => {
      packer.add([`packed ${values[0]}`, ...values.slice(1)]);
      return packer.row(writeTime);
    });
    await put(store, ...GOOD, ...packed);
    for (const { values, writeTime } of [...GOOD.slice(0, -1), ...packed.slice(0, -1)]) {
      await has(store, { values: [...values], writeTime });
    }
    const scanned: Value[][] = [];
    for await (const page of store.scan(["id", "degrees", "at"])) scanned.push(...page);
    const wanted = [...GOOD, ...packed].map(({ values: [id, at, degrees] }) => [id, degrees, at] as Value[]);
    const byId = (a: Value[], b: Value[]) => a[0]! < b[0]! ? -1 : 1;
    assert.deepEqual(scanned.toSorted(byId), wanted.toSorted(byId));
    assert.equal(await store.count(), 2 * GOOD.length);
  });

  check("a SELECT gives numbers as numbers and times in ISO 8601", async ({ ready, from }) => {
    const store = await ready({ columns: TYPED });
    await put(store, ...GOOD);
    const { rows } = await selected(store, `SELECT at, degrees FROM ${from} WHERE id = 'Zürich 1'`);
    assert.deepEqual(rows, [[AT, 21.5]]);
    const cold = await selected(store, `SELECT id FROM ${from} WHERE degrees < -1 ALLOW FILTERING`);
    assert.deepEqual(cold.rows, [["long ago"]]);
  });

  check("what a column of that type cannot have is refused, and only that", async ({ ready }) => {
    const store = await ready({ columns: TYPED });
    const bad: [Row, RegExp][] = [
      [typed("1", AT, "warm"), /"degrees" is not a number/],
      [typed("2", AT, "NaN"), /"degrees" is not a number/],
      [typed("3", AT, "21.50"), /"degrees" is not a number as it is written/],
      [typed("4", "2026-01-31", "1"), /"at" is not a time/],
      [typed("5", "2026-02-30T00:00:00.000Z", "1"), /"at" is not a time/],
      [typed("6", AT, "1", "nobody"), /"owner" is not a UUID/],
      [typed("7\ud800", AT, "1"), /"id" has a lone surrogate/],
    ];
    const { refused, unwritten } = await store.write([...bad.map(([row]) => row), GOOD[0]!]);
    assert.deepEqual(unwritten, []);
    assert.deepEqual(refused.map(({ index }) => index).toSorted(), bad.map((_, i) => i));
    for (const { index, reason } of refused) assert.match(reason, bad[index]![1]);
    await has(store, GOOD[0]!);
  });
}

/** How rows are printed: for people, and for programs. */
import assert from "node:assert/strict";
import { type FormatOptions, printRows } from "../src/query/format.ts";

async function printed(format: FormatOptions["format"], columns: string[], rows: unknown[][], width = 80) {
  const lines: string[] = [];
  const pages = async function* () {
    for (const row of rows) yield [row];
  };
  const count = await printRows(columns, pages(), { format, width, colour: false, print: (line) => lines.push(line) });
  assert.equal(count, rows.length);
  return lines.join("\n");
}

const ROWS = [["a", 1n, null], ['b "quoted", and\nmore', 2, "x"]];

Deno.test("ndjson is an object a line", async () => {
  const lines = (await printed("ndjson", ["t", "n", "v"], ROWS)).split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [{ t: "a", n: "1", v: null }, {
    t: ROWS[1]![0],
    n: 2,
    v: "x",
  }]);
});

Deno.test("json is one array, also of no rows", async () => {
  assert.equal(JSON.parse(await printed("json", ["t", "n", "v"], ROWS)).length, 2);
  assert.deepEqual(JSON.parse(await printed("json", ["t"], [])), []);
});

Deno.test("csv quotes as RFC 4180 says", async () => {
  assert.equal(await printed("csv", ["t", "n", "v"], ROWS), 't,n,v\na,1,\n"b ""quoted"", and\nmore",2,x');
});

Deno.test("a table that fits is a table; one that does not is shown row by row", async () => {
  assert.match(await printed("table", ["t", "n"], [["a", 1]]), /│ t │ n │/);
  const wide = await printed("table", ["one", "two"], [["x".repeat(30), "y".repeat(30)]], 40);
  assert.match(wide, /── row 1 ─+\none │ x{30}\ntwo │ y{30}/);
});

Deno.test("an empty table shows its columns", async () => {
  assert.match(await printed("table", ["first_name"], []), /first_name/);
});

Deno.test("a record's text cannot steer the terminal", async () => {
  const text = await printed("table", ["t"], [["\x1b[31mred\u202e\r\n"]]);
  assert.ok(text.includes("\\u001b[31mred\\u202e\\u000d\\u000a"));
});

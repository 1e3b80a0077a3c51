/** How rows are printed: for people, and for programs. */
import assert from "node:assert/strict";
import { type FormatOptions, printRows } from "../src/query/format.ts";

async function printed(
  format: FormatOptions["format"],
  columns: string[],
  rows: unknown[][],
  { width = 80, terminal = false, cutLast = false } = {},
) {
  const lines: string[] = [];
  const pages = async function* () {
    for (const row of rows) yield [row];
  };
  const print = (line: string) => lines.push(line);
  const count = await printRows(columns, pages(), { format, width, colour: false, terminal, cutLast, print });
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
  const wide = await printed("table", ["one", "two"], [["x".repeat(30), "y".repeat(30)]], { width: 40 });
  assert.match(wide, /── row 1 ─+\none │ x{30}\ntwo │ y{30}/);
});

Deno.test("an empty table shows its columns", async () => {
  assert.match(await printed("table", ["first_name"], []), /first_name/);
  assert.equal(await printed("table", ["first_name", "last_name"], [], { width: 12 }), "first_name │\nlast_name  │");
});

Deno.test("a last column that may be cut takes the room that the others leave", async () => {
  const rows = [["1", "a reason of fifty characters, which is more than forty"]];
  assert.match(await printed("table", ["n", "reason"], rows, { cutLast: true }), /more than forty │/);
  assert.match(
    await printed("table", ["n", "reason"], rows, { cutLast: true, width: 40 }),
    /│ a reason of fifty characters, w… │/,
  );
});

Deno.test("rows that go on coming are a line each, no wider than the terminal", async () => {
  const rows = [["0/1", "short"], ["0/10", "x".repeat(50)]];
  const lines = (await printed("lines", ["at", "value"], rows, { width: 20 })).split("\n");
  assert.deepEqual(lines, ["at   value", "0/1  short", "0/10  " + "x".repeat(13) + "…"]);
});

Deno.test("a record's text cannot steer the terminal", async () => {
  const text = await printed("table", ["t"], [["\x1b[31mred\u202e\r\n"]]);
  assert.ok(text.includes("\\u001b[31mred\\u202e\\u000d\\u000a"));
  const csv = await printed("csv", ["t"], [["\x1b[31mred\r\n"]], { terminal: true });
  assert.equal(csv, "t\n\\u001b[31mred\\u000d\\u000a");
  // JSON leaves these as they are.
  const json = await printed("ndjson", ["t"], [["\x9b31m\u202e"]], { terminal: true });
  assert.equal(json, '{"t":"\\u009b31m\\u202e"}');
});

Deno.test("in a pipe CSV and JSON are faithful", async () => {
  assert.equal(await printed("csv", ["t"], [["\x1b[31mred\r\n\x9b"]]), 't\n"\x1b[31mred\r\n\x9b"');
  assert.equal(await printed("ndjson", ["t"], [["\x9b"]]), '{"t":"\x9b"}');
});

/** JSON that takes more memory than its bytes say, or that cannot be written again, is known before it is parsed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { tooMuchJson } from "../src/source/json_shape.ts";
import { openFileSource } from "../src/source/file.ts";
import { users } from "../src/users/pipeline.ts";
import { withFolder } from "./support/cli.ts";
import { record, records } from "./support/records.ts";
import { all } from "./support/sources.ts";

function tooMuch(json: string, maxValues = 2_000): string | undefined {
  return tooMuchJson(new TextEncoder().encode(json), maxValues);
}

function deep(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}

Deno.test("values are counted, and those in texts are not", () => {
  const list = (values: number) => `[${Array(values).fill(1).join(", ")}]`;
  assert.equal(tooMuch(list(2_000)), undefined);
  assert.equal(tooMuch(list(2_001)), "more than 2000 values");
  assert.equal(tooMuch(`[${"{},".repeat(1_001)}1]`), "more than 2000 values");
  assert.equal(tooMuch(JSON.stringify(',[{\\"'.repeat(5_000))), undefined);
  assert.equal(tooMuch(JSON.stringify({ results: records(200) }), 200 * 46), undefined);
});

Deno.test("depth is that of the deepest value", () => {
  assert.equal(tooMuch(deep(1_000)), undefined);
  assert.equal(tooMuch(deep(1_001)), "values more than 1000 deep");
  assert.equal(tooMuch('{"a":'.repeat(1_001) + "1" + "}".repeat(1_001)), "values more than 1000 deep");
  assert.equal(tooMuch(`[${`${deep(900)},`.repeat(2)}1]`), undefined);
  assert.equal(tooMuch("]".repeat(5_000)), undefined);
});

Deno.test("a line that is too deep is refused with its bytes, and those around it are read", () =>
  withFolder(async (folder) => {
    const path = join(folder, "deep.jsonl");
    const [one, odd, two] = [
      JSON.stringify(record(1)),
      JSON.stringify({ ...record(2), 0: 0, nat: "DEEP" }).replace('"DEEP"', deep(50_000)),
      JSON.stringify(record(3)),
    ];
    await Deno.writeTextFile(path, [one, odd, two].join("\n"));
    const [page] = await all(openFileSource({ path, pipeline: users }));
    assert.deepEqual(page.records, [record(1), record(3)]);
    assert.deepEqual(page.unreadable, [
      { bytes: new TextEncoder().encode(odd), reason: "line 2: JSON with values more than 1000 deep" },
    ]);
  }));

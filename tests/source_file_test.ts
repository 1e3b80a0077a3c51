/** The file source: every form that records come in, what is wrong in it, and its limits; the generator beside it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UserpipeError } from "../src/errors.ts";
import { type FileSourceOptions, openFileSource } from "../src/source/file.ts";
import { openGeneratedSource } from "../src/source/generated.ts";
import type { Source } from "../src/source/source.ts";
import { users } from "../src/users/pipeline.ts";
import { AWKWARD, records } from "./support/records.ts";
import { all, failure } from "./support/sources.ts";

const RECORDS = [...records(5), ...Object.values(AWKWARD)];
const LINES = RECORDS.map((record) => JSON.stringify(record));
const encoder = new TextEncoder();

/** An input that gives `content` in pieces of `size` bytes. */
function input(content: string | Uint8Array, size = 1_000) {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  let at = 0;
  return {
    read(into: Uint8Array): Promise<number | null> {
      const piece = bytes.subarray(at, at + Math.min(size, into.length));
      at += piece.length;
      into.set(piece);
      return Promise.resolve(piece.length === 0 ? null : piece.length);
    },
  };
}

function open(content: string | Uint8Array, options: Partial<FileSourceOptions> & { piece?: number } = {}): Source {
  return openFileSource({ path: "-", pipeline: users, stdin: input(content, options.piece), ...options });
}

async function recordsOf(source: Source): Promise<unknown[]> {
  const pages = await all(source);
  assert.deepEqual(pages.flatMap(({ unreadable }) => unreadable), []);
  return pages.flatMap(({ records }) => records);
}

async function messageOf(source: Source): Promise<string> {
  const { code, message } = await failure(all(source));
  assert.equal(code, "input");
  return message;
}

const answer = (results: unknown[]) => ({ results, info: { seed: "x", page: 1 } });
const FORMS: Record<string, string> = {
  "lines of JSON": LINES.join("\n"),
  "lines of JSON with a line break at the end": LINES.join("\n") + "\n",
  "lines with CRLF, blank ones among them": "\r\n" + LINES.join("\r\n \r\n\t\r\n") + "\r\n\r\n",
  "an array in one line": JSON.stringify(RECORDS),
  "an array over many lines": JSON.stringify(RECORDS, null, 2),
  "an array with a record a line": "[\n" + LINES.join(",\n") + "\n]\n",
  "an array that begins in its first record's line": "[" + LINES.join(",\n") + "]",
  "a recorded answer in one line": JSON.stringify(answer(RECORDS)),
  "a recorded answer over many lines": JSON.stringify(answer(RECORDS), null, "\t"),
  "an array of recorded answers": JSON.stringify([answer(RECORDS.slice(0, 3)), answer(RECORDS.slice(3))], null, 1),
  "recorded answers, one a line": JSON.stringify(answer(RECORDS.slice(0, 3))) + "\n" +
    JSON.stringify(answer(RECORDS.slice(3))),
  "lines of arrays": JSON.stringify(RECORDS.slice(0, 9)) + "\n" + JSON.stringify(RECORDS.slice(9)),
  "lines and an answer mixed": LINES.slice(0, 2).join("\n") + "\n" + JSON.stringify(answer(RECORDS.slice(2))),
  "lines behind a byte order mark": "\ufeff" + LINES.join("\n"),
  "an array behind a byte order mark": "\ufeff" + JSON.stringify(RECORDS, null, 2),
};
for (const [form, content] of Object.entries(FORMS)) {
  Deno.test(`records are found in ${form}`, async () => {
    for (const piece of [7, 1_000, 1_000_000]) assert.deepEqual(await recordsOf(open(content, { piece })), RECORDS);
  });
}

Deno.test("one record over many lines is one record", async () => {
  assert.deepEqual(await recordsOf(open(JSON.stringify(RECORDS[0], null, 2))), [RECORDS[0]]);
});

Deno.test("an empty array holds nothing, and is no failure", async () => {
  assert.deepEqual(await all(open("[]")), []);
  assert.deepEqual(await all(open("[\n]\n")), []);
});

Deno.test("pages have the page size, and count from 1", async () => {
  for (const content of [FORMS["lines of JSON"], FORMS["an array over many lines"]]) {
    const pages = await all(open(content, { pageSize: 7 }));
    assert.deepEqual(pages.map(({ records, number }) => [records.length, number]), [[7, 1], [7, 2], [3, 3]]);
    assert.deepEqual(pages.flatMap(({ records }) => records), RECORDS);
    assert.ok(pages.every(({ fetchedAt, seed }) => Date.now() - fetchedAt < 60_000 && seed === undefined));
  }
  const sizes = (await all(open(LINES.join("\n"), { pageSize: 7 }))).map(({ bytes }) => bytes);
  assert.equal(sizes.reduce((sum, bytes) => sum + bytes), encoder.encode(LINES.join("")).length);
});

Deno.test("bad lines among good ones are unreadable, with number, reason and bytes, and the rest go on", async () => {
  const bad = ["hello", LINES[1].slice(0, 40), "\u0001", "5", `"text"`, "null"];
  const content = [bad[0], LINES[0], bad[1], "", LINES[1], ...bad.slice(2), LINES[2]].join("\n");
  const [page] = await all(open(content));
  assert.deepEqual(page.records, RECORDS.slice(0, 3));
  assert.deepEqual(page.unreadable.map(({ bytes }) => new TextDecoder().decode(bytes)), bad);
  const reasons = [
    /^line 1: not JSON: Unexpected token 'h', "hello" is not valid JSON$/,
    /^line 3: not JSON: /,
    /^line 6: not JSON: Unexpected token ' ', " " is not valid JSON$/,
    /^line 7: neither an object nor an array, but a number$/,
    /^line 8: neither an object nor an array, but a string$/,
    /^line 9: neither an object nor an array, but null$/,
  ];
  page.unreadable.forEach(({ reason }, i) => assert.match(reason, reasons[i]));
});

Deno.test("a first line that was cut short is unreadable, and the rest go on", async () => {
  const [page] = await all(open([LINES[0].slice(0, 100), ...LINES.slice(1)].join("\n")));
  assert.deepEqual(page.records, RECORDS.slice(1));
  assert.equal(page.unreadable.length, 1);
  assert.match(page.unreadable[0].reason, /^line 1: not JSON: /);
});

Deno.test("a line that is not UTF-8 is unreadable with its bytes as they were", async () => {
  const broken = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]);
  const content = new Uint8Array([...encoder.encode(LINES[0] + "\n"), ...broken, ...encoder.encode("\n" + LINES[1])]);
  const [page] = await all(open(content));
  assert.deepEqual(page.records, RECORDS.slice(0, 2));
  assert.deepEqual(page.unreadable, [{ bytes: broken, reason: "line 2: not UTF-8" }]);
});

Deno.test("a line over the limit is unreadable, of it the beginning is kept, and the rest go on", async () => {
  const long = `{"a": "${"x".repeat(100_000)}"}`;
  for (const piece of [999, 1_000_000]) {
    const [page] = await all(open([LINES[0], long, LINES[1]].join("\n"), { maxBytes: 70_000, piece }));
    assert.deepEqual(page.records, RECORDS.slice(0, 2));
    const [{ bytes, reason }] = page.unreadable;
    assert.equal(reason, "line 2: longer than 70000 bytes, of which the first 65536 bytes are kept");
    assert.equal(new TextDecoder().decode(bytes), long.slice(0, 65_536));
  }
});

Deno.test("records of a wrong kind inside an array are given as they are, for the check to refuse", async () => {
  assert.deepEqual(await recordsOf(open(JSON.stringify([1, null, "x", [], {}]))), [1, null, "x", [], {}]);
});

const NOT_JSON: [what: string, content: string | Uint8Array, message: RegExp][] = [
  ["text", "hello\nworld\n", /^Standard input is not JSON: Unexpected token 'h', .* \(line 1\)$/],
  ["a table", "id,name\n1,2\n", /^Standard input is not JSON: .* \(line 1\)$/],
  ["numbers alone", "1\n2\n", /^Standard input is neither an object nor an array, but a number \(line 1\)$/],
  ["a document that was cut short", JSON.stringify(RECORDS, null, 2).slice(0, 900), /^Standard input is not JSON: /],
  ["an array that was cut between its records", "[\n" + LINES.slice(0, 3).join(",\n"), /^Standard input is not JSON: /],
  ["one line that was cut short", LINES[0].slice(0, 99), /^Standard input is not JSON: /],
  ["bytes that are not UTF-8", new Uint8Array([0xc3, 0x28, 0x0a]), /^Standard input is not UTF-8 \(line 1\)$/],
  ["a document that is not UTF-8", new Uint8Array([0x7b, 0x0a, 0xff, 0x7d]), /^Standard input is not UTF-8$/],
  ["UTF-16", new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]), /^Standard input is UTF-16, not UTF-8$/],
  ["nothing", "", /^Standard input is empty$/],
  ["nothing but blanks", " \r\n\n\t", /^Standard input is empty$/],
  ["a byte order mark alone", "\ufeff", /^Standard input is empty$/],
];
for (const [what, content, message] of NOT_JSON) {
  Deno.test(`a file with ${what} is an error that says so`, async () => {
    for (const piece of [3, 1_000_000]) assert.match(await messageOf(open(content, { piece })), message);
  });
}

Deno.test("a document over the limit is an error that says so, lines of the same size are none", async () => {
  const message = await messageOf(open(FORMS["an array over many lines"], { maxBytes: 3_000 }));
  assert.equal(message, "Standard input is one JSON document larger than 3000 bytes");
  assert.deepEqual(await recordsOf(open(FORMS["lines of JSON"], { maxBytes: 3_000 })), RECORDS);
});

Deno.test("a long stretch without JSON ends the read", async () => {
  let given = 0;
  const endless = {
    read(into: Uint8Array) {
      given += into.length;
      into.fill(0x78);
      for (let i = 99; i < into.length; i += 100) into[i] = 0x0a;
      return Promise.resolve(into.length);
    },
  };
  assert.match(
    await messageOf(openFileSource({ path: "-", pipeline: users, stdin: endless })),
    /is not JSON: .* \(line 1\)$/,
  );
  assert.ok(given < 4_000_000, `${given} bytes`);
});

Deno.test("lines are read as they are wanted, not all at once", async () => {
  let given = 0;
  const line = encoder.encode(LINES[0] + "\n");
  const endless = { read: (into: Uint8Array) => (given++, into.set(line), Promise.resolve(line.length)) };
  for await (const page of openFileSource({ path: "-", pipeline: users, stdin: endless, pageSize: 10 }).pages()) {
    assert.ok(given < page.number * 10 + 10);
    if (page.number === 20) break;
  }
});

Deno.test("a signal ends a read of standard input that nothing comes from, without an error", async () => {
  const never = { read: () => new Promise<number>(() => {}) };
  const stop = new AbortController();
  const pages = all(openFileSource({ path: "-", pipeline: users, stdin: never }), stop.signal);
  stop.abort();
  assert.deepEqual(await pages, []);
  assert.deepEqual(await all(open(LINES[0]), AbortSignal.abort()), []);
});

Deno.test("a file is read by its path, and named by it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/users.ndjson`;
    await Deno.writeTextFile(path, LINES.join("\n"));
    const source = openFileSource({ path, pipeline: users });
    assert.equal(source.name, path);
    assert.deepEqual(await recordsOf(source), RECORDS);
    assert.deepEqual(await source.check(), { component: "source", ok: true, detail: `${path} can be read` });
    await Deno.writeTextFile(path, "hello");
    assert.match(await messageOf(source), new RegExp(`^"${path}" is not JSON: `));
    for (
      const [gone, message] of [[`${folder}/no`, `There is no file "${folder}/no"`], [
        folder,
        `"${folder}" is a folder`,
      ]]
    ) {
      const missing = openFileSource({ path: gone, pipeline: users });
      assert.equal(await messageOf(missing), message);
      const checked = await missing.check();
      assert.ok(!checked.ok && checked.error.message === message);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("any bytes are pages or an error of ours", async () => {
  const line = fc.oneof(fc.constantFrom(...LINES, "[", "]", "{", "}", "", "[1,", "\ufeff"), fc.json(), fc.string());
  const content = fc.oneof(fc.array(line).map((lines) => encoder.encode(lines.join("\n"))), fc.uint8Array());
  await fc.assert(fc.asyncProperty(content, fc.integer({ min: 1, max: 300 }), async (bytes, piece) => {
    const pages = all(open(bytes, { piece, maxBytes: 5_000, pageSize: 3 }));
    await pages.catch((error) => assert.ok(error instanceof UserpipeError && error.code === "input", String(error)));
  }));
});

Deno.test("the generator's pages hold its records, by count and seed", async () => {
  const source = openGeneratedSource({ pipeline: users, seed: "s", count: 25, pageSize: 10 });
  const pages = await all(source);
  assert.equal(source.name, "the generator");
  assert.deepEqual(pages.map(({ records, number, seed }) => [records.length, number, seed]), [[10, 1, "s"], [
    10,
    2,
    "s",
  ], [5, 3, "s"]]);
  assert.deepEqual(pages.flatMap(({ records }) => [...records]), [...users.generate("s", 25)]);
  assert.deepEqual(await all(source, AbortSignal.abort()), []);
  assert.ok((await source.check()).ok);
});

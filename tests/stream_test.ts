/** The stream's loop against ends that fail as they are told: what is acknowledged, refused, and written again. */
import assert from "node:assert/strict";
import type { Delivered } from "../src/broker/broker.ts";
import { UserpipeError } from "../src/errors.ts";
import type { Pipeline, Row } from "../src/pipeline.ts";
import { stream, type StreamOptions } from "../src/stream/stream.ts";
import { Writer } from "../src/stream/writer.ts";
import { type Fate, memoryBroker, memoryStore } from "./support/memory.ts";

const encoder = new TextEncoder();
const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes);

/** A domain of one text: `bad…` is refused. */
const words: Pipeline<string, string> = {
  name: "words",
  topic: "words",
  table: { keyspace: "k", name: "t", columns: [{ name: "word", type: "text" }] },
  maxResults: 10,
  schemaVersion: "1",
  request: () => new URL("http://localhost"),
  unwrap: () => ({ ok: true, value: [] }),
  check: () => ({ ok: false, reason: "not used" }),
  normalise: (raw) => raw,
  generate: () => [],
  key: (word) => word,
  encode: (word) => encoder.encode(word),
  decode: (bytes) => {
    const word = new TextDecoder().decode(bytes);
    return word.startsWith("bad") ? { ok: false, reason: `the word "${word}"` } : { ok: true, value: word };
  },
  toValues: (word) => [word],
  plain: false,
  facets: [],
};

function message(offset: number, word: string, more: Partial<Delivered> = {}): Delivered {
  const bytes = encoder.encode(word);
  return { partition: 0, offset: BigInt(offset), key: bytes, value: bytes, headers: {}, timestamp: 1_000, ...more };
}

function setUp(batches: Delivered[][], fate: Fate, more: Partial<StreamOptions> = {}) {
  const broker = memoryBroker(batches);
  const store = memoryStore(fate);
  const stop = new AbortController();
  const abort = new AbortController();
  const run = stream({
    pipeline: words,
    broker,
    store,
    topic: "words",
    group: "g",
    deadLetterTopic: "words.dlq",
    from: "committed",
    untilCaughtUp: true,
    maxInFlightBytes: 1024,
    stop: stop.signal,
    abort: abort.signal,
    onStats: () => {},
    ...more,
  });
  return { broker, store, stop, abort, run };
}

const busy = () => new UserpipeError("store-busy", "timed out", "wait");
const away = () => new UserpipeError("store-unreachable", "away", "start it");

Deno.test("every record is a row, and then its batch is acknowledged", async () => {
  const { broker, store, run } = setUp([[message(0, "a"), message(1, "b")], [message(2, "c")]], () => undefined);
  assert.equal((await run).rows, 3);
  assert.deepEqual([...store.rows.keys()], ["a", "b", "c"]);
  assert.deepEqual(broker.acknowledged, [2n, 3n]);
});

Deno.test("the write time is the timestamp in µs and the offset mod 1000", async () => {
  const { store, run } = setUp([[message(0, "a"), message(1999, "b")]], () => undefined, {
    maxRecords: 2,
    untilCaughtUp: false,
  });
  await run;
  assert.deepEqual([...store.rows.values()].map(({ writeTime }) => writeTime), [1_000_000, 1_000_999]);
});

Deno.test("a refused record is a dead letter with its reason and place before the batch is acknowledged", async () => {
  const bad = message(1, "bad", { headers: { mine: encoder.encode("kept") } });
  const { broker, store, run } = setUp([[message(0, "a"), bad, message(2, "c")]], () => {
    assert.deepEqual(broker.acknowledged, []);
    return undefined;
  });
  const { rows, refused } = await run;
  assert.deepEqual({ rows, refused, stored: store.rows.size }, { rows: 2, refused: 1, stored: 2 });
  const [letter] = broker.published.get("words.dlq")!;
  assert.equal(text(letter!.key), "words/0/1");
  assert.equal(text(letter!.value), "bad");
  const headers = Object.fromEntries(Object.entries(letter!.headers).map(([name, value]) => [name, text(value)]));
  assert.deepEqual(headers, {
    "mine": "kept",
    "userpipe-reason": 'the word "bad"',
    "userpipe-stage": "stream",
    "userpipe-topic": "words",
    "userpipe-partition": "0",
    "userpipe-offset": "1",
    "userpipe-timestamp": "1000",
    "userpipe-key": "bad",
  });
});

const REFUSED: [string, Partial<Delivered>, RegExp][] = [
  ["a null value", { value: null }, /value is null/],
  ["a timestamp of −1", { timestamp: -1 }, /no timestamp/],
  ["a timestamp of the day after tomorrow", { timestamp: Date.now() + 2 * 86_400_000 }, /more than a day ahead/],
  ["a timestamp that is no date", { timestamp: 9e15 }, /more than a day ahead/],
];

for (const [name, more, reason] of REFUSED) {
  Deno.test(`${name} is a dead letter`, async () => {
    const { broker, run } = setUp([[message(0, "a", more)]], () => undefined);
    assert.equal((await run).refused, 1);
    assert.match(text(broker.published.get("words.dlq")![0]!.headers["userpipe-reason"])!, reason);
  });
}

Deno.test("a key that is missing or another is accepted and counted", async () => {
  const batch = [message(0, "a", { key: null }), message(1, "b", { key: encoder.encode("z") }), message(2, "c")];
  const { run } = setUp([batch], () => undefined);
  const { rows, oddKeys } = await run;
  assert.deepEqual({ rows, oddKeys }, { rows: 3, oddKeys: 2 });
});

Deno.test("a row that the store refuses is a dead letter of the store, the others are rows", async () => {
  const fate: Fate = () => ({ refused: [{ index: 1, reason: "too odd" }] });
  const { broker, store, run } = setUp([[message(0, "a"), message(1, "b"), message(2, "c")]], fate);
  assert.equal((await run).rows, 2);
  assert.deepEqual([...store.rows.keys()], ["a", "c"]);
  const headers = broker.published.get("words.dlq")![0]!.headers;
  assert.deepEqual([text(headers["userpipe-stage"]), text(headers["userpipe-reason"])], ["store", "too odd"]);
});

Deno.test("I5: what may not have been written is written again, until it is", async () => {
  const fate: Fate = (rows, call) =>
    call <= 2 ? { unwritten: rows.map((_, index) => ({ index, error: away() })).slice(1) } : undefined;
  const { broker, store, run } = setUp([[message(0, "a"), message(1, "b"), message(2, "c")]], fate);
  assert.equal((await run).rows, 3);
  assert.deepEqual([...store.rows.keys()], ["a", "b", "c"]);
  assert.equal(broker.published.size, 0);
});

Deno.test("I3: a row that fails five times by itself while others are written is refused", async () => {
  const isBad = ({ values }: Row) => values[0] === "stuck";
  const fate: Fate = (rows) => ({
    unwritten: rows.flatMap((row, index) => isBad(row) ? [{ index, error: busy() }] : []),
  });
  const store = memoryStore(fate);
  const writer = new Writer(store, new AbortController().signal);
  let n = 0;
  const others = setInterval(() => writer.write([{ values: [`w${n++}`], writeTime: 0 }]), 10);
  try {
    const refused = await writer.write([{ values: ["stuck"], writeTime: 0 }]);
    assert.match(refused[0]!.reason, /failed 5 times while others were written: timed out/);
  } finally {
    clearInterval(others);
  }
});

Deno.test("a row that times out alone, with nothing else written, is waited for and not refused", async () => {
  const fate: Fate = (_, call) => call <= 6 ? { unwritten: [{ index: 0, error: busy() }] } : undefined;
  const writer = new Writer(memoryStore(fate), new AbortController().signal);
  assert.deepEqual(await writer.write([{ values: ["slow"], writeTime: 0 }]), []);
});

Deno.test("a store that is away is waited for: nothing is acknowledged, and giving up loses nothing", async () => {
  const fate: Fate = (rows) => ({ unwritten: rows.map((_, index) => ({ index, error: away() })) });
  const { broker, store, abort, run } = setUp([[message(0, "a")]], fate);
  while (store.calls < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  abort.abort();
  await assert.rejects(run, { code: "store-unreachable" });
  assert.deepEqual(broker.acknowledged, []);
});

Deno.test("what waiting cannot cure ends the stream with the reason, and the batch is not acknowledged", async () => {
  const fate: Fate = () => {
    throw new UserpipeError("store-missing", 'The table "k.t" is not there', 'Run "userpipe init"');
  };
  const { broker, run } = setUp([[message(0, "a")]], fate);
  await assert.rejects(run, { code: "store-missing" });
  assert.deepEqual(broker.acknowledged, []);
});

Deno.test("max records cuts a batch, and only its carried part is acknowledged", async () => {
  const batch = [0, 1, 2, 3].map((n) => message(n, `w${n}`));
  const { broker, store, run } = setUp([batch], () => undefined, { maxRecords: 3, untilCaughtUp: false });
  await run;
  assert.equal(store.rows.size, 3);
  assert.deepEqual(broker.acknowledged, [3n]);
});

Deno.test("stop drains what is under way", async () => {
  const { broker, stop, run } = setUp([[message(0, "a")]], () => {
    stop.abort();
    return undefined;
  }, { untilCaughtUp: false });
  assert.equal((await run).rows, 1);
  assert.deepEqual(broker.acknowledged, [1n]);
});

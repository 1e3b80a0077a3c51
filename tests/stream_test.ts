/** The stream's loop against ends that fail as they are told: what is acknowledged, refused, and written again. */
import assert from "node:assert/strict";
import type { Delivered } from "../src/broker/broker.ts";
import { UserpipeError } from "../src/errors.ts";
import type { Pipeline, Row } from "../src/pipeline.ts";
import type { StreamStats } from "../src/stream/stats.ts";
import { stream, type StreamOptions } from "../src/stream/stream.ts";
import { Writer } from "../src/stream/writer.ts";
import { type Fate, memoryBroker, memoryStore } from "./support/memory.ts";

const encoder = new TextEncoder();
const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes);

/** A domain of one text: `bad…` is refused. */
const words: Pipeline<string, string> = {
  ...{ name: "words", noun: "word", glance: [] },
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

const AHEAD = /^the timestamp is more than a day ahead$/;

const REFUSED: [string, Partial<Delivered>, RegExp][] = [
  ["a null value", { value: null }, /value is null/],
  ["a timestamp of −1", { timestamp: -1 }, /no timestamp/],
  // One reason for all of them, so that they are counted together.
  ["a timestamp of the day after tomorrow", { timestamp: Date.now() + 2 * 86_400_000 }, AHEAD],
  ["a timestamp of next year", { timestamp: Date.now() + 366 * 86_400_000 }, AHEAD],
  ["a timestamp that is no date", { timestamp: 9e15 }, /^the timestamp is out of range$/],
  ["a timestamp that no number has", { timestamp: Number(2n ** 60n + 1n) }, /^the timestamp is out of range$/],
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

const MENDED_LATER: [name: string, error: UserpipeError, hint: RegExp][] = [
  ["away", new UserpipeError("broker-unreachable", "away", "start it"), /^start it$/],
  ["missing", new UserpipeError("topic-missing", "no such topic", "name another with --topic"), /^Make it .*init"$/],
  [
    "too small",
    new UserpipeError("record-too-large", "too large", "smaller"),
    /max.message.bytes of the topic "words.dlq"/,
  ],
];

for (const [name, error, hint] of MENDED_LATER) {
  Deno.test(`I3: a dead-letter topic that is ${name} is waited for with how to mend it, and then the letter is there`, async () => {
    const seen: StreamStats[] = [];
    const batches = [[message(0, "a"), message(1, "bad")]];
    const { broker, run } = setUp(batches, () => undefined, { onStats: (stats) => seen.push(stats) });
    const publish = broker.publish;
    broker.publish = async (...letters) => {
      assert.deepEqual(broker.acknowledged, []);
      if (!seen.some(({ waiting }) => waiting !== undefined)) throw error;
      await publish(...letters);
    };
    assert.equal((await run).refused, 1);
    assert.equal(broker.published.get("words.dlq")!.length, 1);
    assert.deepEqual(broker.acknowledged, [2n]);
    const { waiting } = seen.find(({ waiting }) => waiting !== undefined)!;
    assert.deepEqual([waiting!.code, waiting!.message], [error.code, error.message]);
    assert.match(waiting!.hint, hint);
  });
}

Deno.test("I3: a dead-letter topic that stays missing loses nothing where the stream is given up", async () => {
  const { broker, abort, run } = setUp([[message(0, "bad")]], () => undefined);
  broker.publish = async () => {
    abort.abort();
    throw new UserpipeError("topic-missing", "no such topic", "make it");
  };
  await assert.rejects(run, { code: "topic-missing" });
  assert.deepEqual(broker.acknowledged, []);
});

/** Ends of which one is away for the first tries of the stream. */
function awayAtFirst(end: "broker" | "store", more: Partial<StreamOptions>) {
  const waited: string[] = [];
  const onStats = ({ waiting }: StreamStats) => waiting && waited.push(waiting.code);
  const set = setUp([[message(0, "a")]], () => undefined, { onStats, ...more });
  const { broker, store } = set;
  const { partitions } = broker;
  const { check } = store;
  let tries = 0;
  broker.partitions = async (topic) => {
    if (end === "broker" && ++tries <= 2) throw new UserpipeError("broker-unreachable", "away", "start it");
    return await partitions(topic);
  };
  store.check = async () => {
    if (end === "store" && ++tries <= 2) return { component: "store", ok: false, error: away() };
    return await check();
  };
  return { ...set, waited };
}

for (const end of ["broker", "store"] as const) {
  Deno.test(`a stream without an end of its own waits for a ${end} that is away when it starts`, async () => {
    const { broker, stop, run, waited } = awayAtFirst(end, { untilCaughtUp: false });
    while (broker.acknowledged.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    assert.equal((await run).rows, 1);
    assert.deepEqual(waited.slice(0, 2), [`${end}-unreachable`, `${end}-unreachable`]);
  });

  Deno.test(`a stream that ends by itself says at once that the ${end} is away`, async () => {
    const { run, waited } = awayAtFirst(end, { untilCaughtUp: true });
    await assert.rejects(run, { code: `${end}-unreachable`, exit: 3 });
    assert.deepEqual(waited, []);
  });

  Deno.test(`stopped while it waits for a ${end} that does not answer, the stream ends with nothing carried`, async () => {
    const { broker, store, stop, run } = setUp([[message(0, "a")]], () => undefined, { untilCaughtUp: false });
    const never = () => new Promise<never>(() => stop.abort());
    if (end === "broker") broker.partitions = never;
    else store.check = never;
    const { rows, refused, waiting } = await run;
    assert.deepEqual({ rows, refused, waiting }, { rows: 0, refused: 0, waiting: undefined });
  });
}

Deno.test("what waiting cannot cure at the start ends a stream without an end at once", async () => {
  const { broker, run } = setUp([[message(0, "a")]], () => undefined, { untilCaughtUp: false });
  broker.partitions = () => Promise.reject(new UserpipeError("topic-missing", "no such topic", "make it"));
  await assert.rejects(run, { code: "topic-missing", exit: 2 });
});

Deno.test("stop drains what is under way", async () => {
  const { broker, stop, run } = setUp([[message(0, "a")]], () => {
    stop.abort();
    return undefined;
  }, { untilCaughtUp: false });
  assert.equal((await run).rows, 1);
  assert.deepEqual(broker.acknowledged, [1n]);
});

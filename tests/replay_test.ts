/** Replay: a letter that is good now is a row or a message and is marked, one that is not stays as it is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Broker, Delivered, Message } from "../src/broker/broker.ts";
import { openKafka } from "../src/broker/kafka.ts";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { UserpipeError } from "../src/errors.ts";
import { directly } from "../src/ingest/publish.ts";
import { listLetters } from "../src/query/dead_letters.ts";
import { openCassandra } from "../src/store/cassandra.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import {
  deadLetterOf,
  deadLetterOfOutbox,
  deadLetterOfSource,
  encodeDeadLetter,
  type Stage,
} from "../src/stream/dead_letters.ts";
import { replayLetters, type ReplayOptions } from "../src/stream/replay.ts";
import { TABLE } from "../src/users/created_user.ts";
import { users } from "../src/users/pipeline.ts";
import { type CliOptions, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { cassandraEnds, kafkaEnds } from "./support/ends.ts";
import { type Fate, memoryStore } from "./support/memory.ts";
import { changed, record } from "./support/records.ts";
import { valueOf } from "./support/results.ts";
import { serviceTest } from "./support/services.ts";

const encoder = new TextEncoder();
const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes);
const bytesOf = (value: unknown) => encoder.encode(JSON.stringify(value));

const TIME = 1_700_000_000_000;
const idOf = (n: number) => record(n).login.uuid as string;

/** User `n` as a message of the topic. */
function published(n: number, offset: number): Delivered {
  const event = users.normalise(valueOf(users.check(record(n))));
  const value = users.encode(event);
  return { partition: 0, offset: BigInt(offset), key: encoder.encode(idOf(n)), value, headers: {}, timestamp: TIME };
}

function letter(topic: string, of: Delivered, stage: Stage = "stream"): Message {
  return encodeDeadLetter(deadLetterOf(topic, of, stage, `once bad in the ${stage}`), Date.now());
}

function sourceLetter(n: number, value: unknown): Message {
  return encodeDeadLetter(deadLetterOfSource("run-1", n, bytesOf(value), TIME, "once bad in the source"), Date.now());
}

interface Parts {
  broker: Broker;
  store: ReturnType<typeof memoryStore>;
  replay: (more?: Partial<ReplayOptions>) => Promise<{ said: string[] } & Awaited<ReturnType<typeof replayLetters>>>;
  waiting: () => Promise<number>;
}

async function withReplay(letters: Message[], fate: Fate, work: (parts: Parts) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const broker = openSqliteBroker({ path: join(folder, "topics.db") });
    const spec = { partitions: 1, replication: 1, retentionMs: -1, retentionBytes: -1 };
    const topics = [{ ...spec, name: "t", maxMessageBytes: 100_000 }, { ...spec, name: "t.dlq" }];
    await broker.init(topics, { dryRun: false });
    await broker.publish("t.dlq", letters);
    const store = memoryStore(fate);
    const replay: Parts["replay"] = async (more = {}) => {
      const said: string[] = [];
      const counts = await replayLetters({
        pipeline: users,
        broker,
        publisher: directly(broker),
        store,
        topic: "t",
        deadLetterTopic: "t.dlq",
        dryRun: false,
        stop: new AbortController().signal,
        abort: new AbortController().signal,
        onRefused: ({ at }, reason) => said.push(`${at}: ${reason}`),
        onProgress: () => {},
        ...more,
      });
      return { ...counts, said };
    };
    const waiting = async () => (await listLetters({ broker, topic: "t.dlq" }, 1)).waiting;
    try {
      await work({ broker, store, replay, waiting });
    } finally {
      await broker.close();
    }
  });
}

async function messagesOf(broker: Broker, topic: string): Promise<Delivered[]> {
  return (await broker.read(topic, 0, 0n, { maxBytes: 1024 * 1024, maxWaitMs: 0 })).messages;
}

const all: Fate = () => undefined;

Deno.test("I4: a record of the topic is a row with the write time of its first place", () =>
  withReplay([letter("t", published(1, 12_345))], all, async ({ broker, store, replay, waiting }) => {
    const { rows, refused } = await replay();
    assert.deepEqual([rows, refused, await waiting()], [1, 0, 0]);
    assert.equal(store.rows.get(idOf(1))!.writeTime, TIME * 1000 + 345);
    assert.deepEqual(await messagesOf(broker, "t"), []);
    assert.equal((await replay()).rows, 0);
    assert.equal(store.calls, 1);
  }));

Deno.test("the marker has the letter's key, and says which letter it is of", () =>
  withReplay([sourceLetter(0, {}), letter("t", published(1, 5))], all, async ({ broker, replay }) => {
    await replay();
    const marker = (await messagesOf(broker, "t.dlq"))[2]!;
    assert.deepEqual([text(marker.key), marker.value], ["t/0/5", null]);
    assert.equal(text(marker.headers["userpipe-replayed"]), "1");
  }));

Deno.test("a row that the store refuses again stays, with no new letter", () => {
  const fate: Fate = () => ({ refused: [{ index: 0, reason: "still odd" }] });
  const letters = [letter("t", published(1, 1), "store"), letter("t", published(2, 2), "store")];
  return withReplay(letters, fate, async ({ broker, replay, waiting }) => {
    const { rows, refused, said } = await replay();
    assert.deepEqual([rows, refused, said], [1, 1, ["t/0/1: still odd"]]);
    assert.equal(await waiting(), 1);
    assert.equal((await messagesOf(broker, "t.dlq")).length, 3);
  });
});

Deno.test("I5: what may not have been written is written again before its marker", () => {
  const busy = new UserpipeError("store-busy", "timed out", "wait");
  const fate: Fate = (_, call) => call === 1 ? { unwritten: [{ index: 0, error: busy }] } : undefined;
  return withReplay([letter("t", published(1, 1))], fate, async ({ store, replay, waiting }) => {
    assert.equal((await replay()).rows, 1);
    assert.deepEqual([store.rows.size, await waiting()], [1, 0]);
  });
});

Deno.test("a store that is away at the start is said at once, and nothing is marked", () =>
  withReplay([letter("t", published(1, 1))], all, async ({ store, replay, waiting }) => {
    const error = new UserpipeError("store-unreachable", "away", "start it");
    const away = { ...store, check: async () => ({ component: "store", ok: false as const, error }) };
    await assert.rejects(replay({ store: away as Store }), { code: "store-unreachable" });
    assert.deepEqual([store.rows.size, await waiting()], [0, 1]);
  }));

Deno.test("a record of the source is normalised and published, with its run", () =>
  withReplay([sourceLetter(3, record(1))], all, async ({ broker, store, replay, waiting }) => {
    const before = Date.now();
    assert.equal((await replay()).published, 1);
    const [message] = await messagesOf(broker, "t");
    assert.deepEqual([text(message!.key), message!.value], [idOf(1), published(1, 0).value]);
    const headers = Object.fromEntries(Object.entries(message!.headers).map(([name, bytes]) => [name, text(bytes)]));
    assert.deepEqual(headers, {
      "userpipe-schema": "1",
      "userpipe-run": "run-1",
      "userpipe-fetched": String(TIME),
    });
    assert.ok(message!.timestamp >= before, "an old time could be removed before it is read");
    assert.deepEqual([store.calls, await waiting()], [0, 0]);
  }));

Deno.test("an outbox entry that its topic did not take is published as it was", () => {
  const { key, value, timestamp } = published(1, 0);
  const headers = { "userpipe-run": encoder.encode("run-1") };
  const of = deadLetterOfOutbox("t", { key, value, headers, timestamp }, "too large");
  return withReplay([encodeDeadLetter(of, Date.now())], all, async ({ broker, replay }) => {
    assert.equal((await replay()).published, 1);
    const [message] = await messagesOf(broker, "t");
    assert.deepEqual([message!.key, message!.value], [key, value]);
    assert.deepEqual(Object.keys(message!.headers), ["userpipe-run"]);
  });
});

const cut = { ...letter("t", published(8, 8)).headers, "userpipe-cut": encoder.encode("2000000") };
/** What cannot be replayed, and why. */
const REFUSED: [string, Message, RegExp][] = [
  ["a record that is still bad", letter("t", { ...published(1, 1), value: bytesOf({}) }), /^t\/0\/1: id: missing/],
  ["a value that is null", letter("t", { ...published(1, 1), value: null }), /value is null/],
  ["a source's record that is still bad", sourceLetter(4, { a: 1 }), /^source\/run-1\/4: gender: missing/],
  ["a source's bytes that are no JSON", { ...sourceLetter(0, 0), value: encoder.encode("{") }, /not JSON/],
  [
    "a source's record that is too large",
    sourceLetter(0, changed((r) => r.phone = "0".repeat(100_000))),
    /takes 100000/,
  ],
  ["a value that was cut", { ...letter("t", published(8, 8)), headers: cut }, /of 2000000 bytes only the first/],
  ["a letter that does not say where it was", {
    ...letter("t", published(1, 1)),
    headers: { "userpipe-stage": encoder.encode("stream"), "userpipe-reason": encoder.encode("x") },
  }, /headers do not say where/],
  ["what is no letter of userpipe", published(1, 1), /no dead letter of userpipe/],
];

for (const [name, message, reason] of REFUSED) {
  Deno.test(`${name} is refused again, and the letter behind it goes on`, () =>
    withReplay([message, letter("t", published(2, 2))], all, async ({ store, replay, waiting }) => {
      for (const dryRun of [true, false]) {
        const { rows, refused, said } = await replay({ dryRun });
        // What the topic takes is found where it is published.
        if (dryRun && /takes/.test(reason.source)) continue;
        assert.deepEqual([rows, refused], [1, 1]);
        assert.match(said[0]!, reason);
      }
      assert.deepEqual([[...store.rows.keys()], await waiting()], [[idOf(2)], 1]);
    }));
}

Deno.test("a letter of another topic is left alone", () =>
  withReplay([letter("other", published(1, 1))], all, async ({ store, replay, waiting }) => {
    const { rows, refused, elsewhere } = await replay();
    assert.deepEqual([rows, refused, elsewhere, store.calls, await waiting()], [0, 0, 1, 0, 1]);
  }));

Deno.test("only the letters of a reason; stopped, none", () =>
  withReplay([letter("t", published(1, 1)), letter("t", published(2, 2), "store")], all, async ({ store, replay }) => {
    assert.equal((await replay({ stop: AbortSignal.abort() })).rows, 0);
    assert.equal((await replay({ reason: "In The Store" })).rows, 1);
    assert.deepEqual([...store.rows.keys()], [idOf(2)]);
  }));

/** The whole way by the command line, on the ends that `options` names. */
async function replaysByHand(
  options: CliOptions,
  topic: string,
  withEnds: (work: (broker: Broker, store: Store) => Promise<void>) => Promise<void>,
): Promise<void> {
  await succeeds(["init"], options);
  await withEnds((broker) =>
    broker.publish(`${topic}.dlq`, [
      letter(topic, published(1, 1_999)),
      letter(topic, published(1, 1_999)),
      letter(topic, { ...published(2, 2), key: null }, "store"),
      letter(topic, { ...published(3, 3), value: encoder.encode("not JSON") }),
      sourceLetter(0, record(4)),
      sourceLetter(1, {}),
    ])
  );
  const lines = async (...args: string[]) =>
    (await succeeds(args, options)).trimEnd().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const counts = (listed: { count?: number }[]) => listed.map(({ count }) => count).filter((count) => count);
  assert.deepEqual(counts(await lines("dead-letters")), [2, 2, 1]);
  const [whole] = await lines("dlq", "show", "4");
  assert.deepEqual([whole.value, whole.headers["userpipe-run"]], [record(4), "run-1"]);

  const dry = await userpipe(["dlq", "replay", "--dry-run"], options);
  assert.equal(dry.code, 1, dry.stderr);
  assert.match(dry.stdout, /would replay 2 as rows and 1 to ".*", refused 2 again/);
  const killed = await userpipe(["dlq", "replay"], {
    ...options,
    env: { ...options.env, USERPIPE_FAULT: "mid-replay" },
  });
  assert.match(killed.stderr, /fault: mid-replay/);
  assert.equal(counts(await lines("dlq")).length, 3);

  const replayed = await userpipe(["dead-letters", "replay"], options);
  assert.equal(replayed.code, 1, replayed.stderr);
  assert.match(replayed.stdout, /replayed {2}2 as rows and 1 to ".*", refused 2 again/);
  assert.match(replayed.stdout, /refused {3}offset 3 \(.*\/0\/3, stream\): not JSON/);
  assert.deepEqual(counts(await lines("dlq")), [1, 1]);
  assert.match((await userpipe(["dlq", "replay"], options)).stdout, /replayed {2}0 as rows and 0 to/);
  // Killed in between, the source's record was published twice, and is one row; the topic's were not published.
  assert.deepEqual((await lines("peek", "--from-beginning")).map(({ key }) => key), [idOf(4), idOf(4)]);
  await succeeds(["stream", "--until-caught-up"], options);
  assert.deepEqual(await lines("query", "count"), [{ count: 3 }]);
  await withEnds(async (_, store) => {
    assert.equal((await store.get([idOf(1)]))[0]!.writeTime, TIME * 1000 + 999);
  });
}

Deno.test("dead letters by the command line on the embedded ends: listed, shown, tried, killed, replayed", () =>
  withFolder((cwd) =>
    replaysByHand({ cwd }, "users_created", async (work) => {
      const dataDir = join(cwd, "userpipe-data");
      const broker = openSqliteBroker({ path: join(dataDir, "topics.db") });
      const store = openSqliteStore({ dataDir, table: TABLE });
      await work(broker, store).finally(() => Promise.all([broker.close(), store.close()]));
    })
  ));

serviceTest(
  "dead letters by the command line on Kafka and Cassandra",
  ({ brokers, contactPoints }) =>
    withFolder(async (cwd) => {
      const env = { ...kafkaEnds(brokers), ...cassandraEnds(contactPoints) };
      const table = { ...TABLE, keyspace: env.CASSANDRA_KEYSPACE! };
      await replaysByHand({ cwd, env }, env.KAFKA_TOPIC!, async (work) => {
        const broker = openKafka({ brokers: [brokers], clientId: "test" });
        const store = openCassandra({ contactPoints: [contactPoints], consistency: "LOCAL_QUORUM", table });
        await work(broker, store).finally(() => Promise.all([broker.close(), store.close()]));
      });
    }),
);

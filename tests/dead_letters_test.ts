/** Dead letters read and folded: what waits, what was replayed, and how much of it is held. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigResourceTypes } from "kafkajs";
import type { Broker, Delivered, Message } from "../src/broker/broker.ts";
import { openKafka } from "../src/broker/kafka.ts";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { lettersAt, type LettersOptions, listLetters, waitingLetters } from "../src/query/dead_letters.ts";
import { deadLetterOf, deadLetterOfSource, encodeDeadLetter } from "../src/stream/dead_letters.ts";
import { letterOf, markerOf, recordOf } from "../src/stream/letter.ts";
import { start, succeeds, until, withFolder } from "./support/cli.ts";
import { admin, deleteTopic } from "./support/kafka_admin.ts";
import { serviceTest, uniqueName } from "./support/services.ts";
import { failsAsItShould, type Wrong } from "./support/wrong.ts";

const DLQ = "t.dlq";
const encoder = new TextEncoder();
const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes);

function record(offset: number, more: Partial<Delivered> = {}): Delivered {
  const value = encoder.encode(`value ${offset}`);
  const headers = { mine: encoder.encode("kept") };
  return { partition: 3, offset: BigInt(offset), key: value, value, headers, timestamp: 1_000 + offset, ...more };
}

const letter = (of: Delivered, reason = "bad") => encodeDeadLetter(deadLetterOf("t", of, "stream", reason), 5_000);

/** The marker of the letter of `record(offset)`, without a look at the topic. */
function marker(offset: number): Message {
  return markerOf({ ...letter(record(offset)), partition: 0, offset: 0n }, 6_000);
}

async function withLetters(messages: Message[], work: (options: LettersOptions) => Promise<void>) {
  await withFolder(async (folder) => {
    const broker = openSqliteBroker({ path: join(folder, "topics.db") });
    try {
      const spec = { name: DLQ, partitions: 1, replication: 1, retentionMs: -1, retentionBytes: -1 };
      await broker.init([spec], { dryRun: false });
      await broker.publish(DLQ, messages);
      await work({ broker, topic: DLQ });
    } finally {
      await broker.close();
    }
  });
}

/** The dead-letter topic's offsets of what waits. */
async function waiting(options: LettersOptions): Promise<number[]> {
  const offsets: number[] = [];
  for await (const page of waitingLetters(options)) offsets.push(...page.map(({ letter }) => Number(letter.offset)));
  return offsets;
}

Deno.test("a letter gives its record back: value, key, headers, place and time", () => {
  const of = record(7, { key: null, timestamp: 1_700_000_000_000 });
  const read = recordOf({ ...letter(of), partition: 0, offset: 99n });
  assert.deepEqual(read, { ok: true, value: of });
});

Deno.test("a record that is itself a copy of a dead letter passes none of its headers on", () => {
  const copied = { "userpipe-cut": encoder.encode("9"), "userpipe-key": encoder.encode("other") };
  const { headers } = letter(
    record(1, { key: null, headers: { ...copied, "userpipe-replayed": encoder.encode("1") } }),
  );
  assert.deepEqual(Object.keys(headers).sort(), [
    "userpipe-offset",
    "userpipe-partition",
    "userpipe-reason",
    "userpipe-stage",
    "userpipe-timestamp",
    "userpipe-topic",
  ]);
});

Deno.test("a message that is no dead letter of userpipe is listed as one of an unknown stage", () => {
  const { stage, reason } = letterOf(record(1));
  assert.deepEqual({ stage, reason }, { stage: "unknown", reason: "it gives no reason" });
});

Deno.test("letters are counted by reason, most first, and listed newest first, up to the limit", () =>
  withLetters(
    [...[1, 2, 3].map((n) => letter(record(n), "no id")), letter(record(4), "not JSON")],
    async (options) => {
      const { reasons, stages, newest, ...counts } = await listLetters(options, 2);
      assert.deepEqual(stages, { source: 0, stream: 4, store: 0, unknown: 0 });
      assert.deepEqual(reasons, [
        { count: 3, stage: "stream", reason: "no id" },
        { count: 1, stage: "stream", reason: "not JSON" },
      ]);
      assert.deepEqual(newest.map(({ at }) => at), ["t/3/4", "t/3/3"]);
      assert.deepEqual(counts, { waiting: 4, replayed: 0 });
    },
  ));

/** A topic as letters, copies and markers follow each other, and the offsets that wait in it. */
const TOPICS: { name: string; messages: Message[]; waits: number[]; replayed: number }[] = [
  { name: "no letter", messages: [], waits: [], replayed: 0 },
  {
    name: "a second copy is the same letter",
    messages: [letter(record(1)), letter(record(2)), letter(record(1))],
    waits: [1, 2],
    replayed: 0,
  },
  {
    name: "a marker folds its letter and the copies before it away",
    messages: [letter(record(1)), letter(record(1)), letter(record(2)), marker(1)],
    waits: [2],
    replayed: 1,
  },
  {
    name: "a record that is refused again behind its marker waits again",
    messages: [letter(record(1)), marker(1), letter(record(1))],
    waits: [2],
    replayed: 1,
  },
  {
    name: "another record at the same place, of a topic that was made again, is another letter",
    messages: [letter(record(1)), letter(record(1, { timestamp: 9_000 })), marker(1)],
    waits: [1],
    replayed: 1,
  },
  {
    name: "a marker with nothing but the key and the header is one",
    messages: [letter(record(1)), { ...marker(1), headers: { "userpipe-replayed": encoder.encode("0") } }],
    waits: [],
    replayed: 1,
  },
  {
    name: "letters of the source have their place in the run",
    messages: [0, 1, 0].map((n) =>
      encodeDeadLetter(deadLetterOfSource("run", n, encoder.encode("{}"), 2_000, "bad"), 5_000)
    ),
    waits: [1, 2],
    replayed: 0,
  },
  {
    name: "messages without a key are nobody's copies",
    messages: [{ ...record(1), key: null }, { ...record(1), key: null }],
    waits: [0, 1],
    replayed: 0,
  },
];

for (const { name, messages, waits, replayed } of TOPICS) {
  Deno.test(`folded: ${name}`, () =>
    withLetters(messages, async (options) => {
      for (const mostHeld of [undefined, 1, 2, 3]) {
        assert.deepEqual(await waiting({ ...options, mostHeld }), waits, `held at a time: ${mostHeld}`);
        const listing = await listLetters({ ...options, mostHeld }, 10);
        assert.deepEqual([listing.waiting, listing.replayed], [waits.length, replayed], `held: ${mostHeld}`);
        assert.deepEqual(listing.newest.map(({ offset }) => Number(offset)), waits.toReversed());
      }
    }));
}

Deno.test("a random topic folds the same however few messages are held at a time", () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fffffff) % below;
  const messages = Array.from({ length: 400 }, () => random(3) === 0 ? marker(random(60)) : letter(record(random(60))));
  // The last message of each record says what it is.
  const last = new Map(messages.map((message, offset) => [text(message.key), { message, offset }]));
  const expected = [...last.values()].filter(({ message }) => message.value !== null).map(({ offset }) => offset);
  return withLetters(messages, async (options) => {
    for (const mostHeld of [undefined, 7, 100]) {
      assert.deepEqual(await waiting({ ...options, mostHeld }), expected.toSorted((a, b) => a - b));
    }
  });
});

Deno.test("only letters with the text in their reason, in capitals or not", () =>
  withLetters([letter(record(1), "not JSON: x"), letter(record(2), "no id")], async (options) => {
    assert.deepEqual(await waiting({ ...options, reason: "json" }), [0]);
    assert.equal((await listLetters({ ...options, reason: "ID" }, 10)).waiting, 1);
  }));

Deno.test("past a thousand different reasons the others are counted together", () =>
  withLetters(
    Array.from({ length: 1_010 }, (_, n) => letter(record(n), `reason ${n}`)),
    async (options) => {
      const { reasons, waiting } = await listLetters(options, 1);
      assert.equal(reasons.length, 1_001);
      assert.deepEqual(reasons[0], { count: 10, stage: "unknown", reason: "(all other reasons)" });
      assert.equal(waiting, 1_010);
    },
  ));

Deno.test("one letter by its offset; a marker says which letter it is of", () =>
  withLetters([letter(record(1)), marker(1)], async ({ broker, topic }) => {
    const [found] = await lettersAt(broker, topic, 0n);
    assert.equal(text(found!.message.value), "value 1");
    await assert.rejects(lettersAt(broker, topic, 1n), /is no dead letter, but the marker that 0 was replayed/);
    await assert.rejects(lettersAt(broker, topic, 2n), { code: "usage", message: /no dead letter at offset 2/ });
  }));

Deno.test("a topic that gives nothing before its end is an error, not the end of the list", async () => {
  const broker = {
    name: "a broker",
    partitions: async () => [{ partition: 0, start: 0n, end: 5n }],
    read: async () => ({ messages: [], next: 0n, end: 5n }),
  } as unknown as Broker;
  await assert.rejects(listLetters({ broker, topic: DLQ }, 1), { code: "broker-unreachable", message: /offset 0/ });
});

serviceTest(
  "I3: a dead-letter topic that is deleted or made too small under a stream is waited for",
  ({ brokers }) =>
    withFolder(async (cwd) => {
      const topic = uniqueName("letters");
      const options = { cwd, env: { KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic, KAFKA_GROUP: topic } };
      const kafka = openKafka({ brokers: brokers.split(","), clientId: "test" });
      const publishBad = () => kafka.publish(topic, [{ ...record(1, { key: null }), timestamp: Date.now() }]);
      const letters = async () => Number((await kafka.partitions(`${topic}.dlq`))[0]!.end);
      const limit = (bytes: number) => {
        const configEntries = [{ name: "max.message.bytes", value: String(bytes) }];
        const resources = [{ type: ConfigResourceTypes.TOPIC, name: `${topic}.dlq`, configEntries }];
        return admin(brokers, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
      };
      try {
        await succeeds(["init"], options);
        await using stream = start(["stream"], options);
        await publishBad();
        await until(async () => await letters() === 1, 20_000, () => stream.output);
        await deleteTopic(brokers, `${topic}.dlq`);
        await publishBad();
        await stream.printed(/no topic \S+\.dlq\S*\. Waiting for the topic .* Make it again with \S+userpipe init/);
        await succeeds(["init"], options);
        await stream.printed(/dlq\S+ is back after/);
        assert.equal(await letters(), 1);
        await limit(100);
        await publishBad();
        await stream.printed(/larger than the topic .* takes\. Waiting for .* Raise max\.message\.bytes of the topic/);
        await limit(1_000_000);
        await until(() => stream.output.split("is back after").length === 3, 20_000, () => stream.output);
        assert.equal(await letters(), 2);
        stream.signal("SIGTERM");
        assert.equal(await stream.ended, 1, stream.output);
        assert.match(stream.output, /refused 3/);
      } finally {
        await kafka.close();
      }
    }),
);

const WRONG: Pick<Wrong, "args" | "message" | "before">[] = [
  { args: ["dlq", "mend"], message: /knows no "mend"/ },
  { args: ["dlq", "show"], message: /"dead-letters show" names no offset/ },
  { args: ["dead-letters", "show", "-1"], message: /-1/ },
  { args: ["dlq", "show", "7"], before: [["init"]], message: /no dead letter at offset 7 of "users_created.dlq"/ },
  { args: ["dlq", "replay", "7"], message: /argument too many: "7"/ },
  { args: ["dlq", "replay", "--max", "7"], message: /--max does not fit "dead-letters replay"/ },
  { args: ["dlq", "--dry-run"], message: /--dry-run does not fit "dead-letters"/ },
  { args: ["dlq", "--max", "100001"], message: /--max is 100001/ },
  { args: ["dlq"], message: /topic "users_created.dlq"/ },
];

for (const wrong of WRONG) {
  Deno.test(`wrong usage: "userpipe ${wrong.args.join(" ")}"`, () =>
    failsAsItShould({ ...wrong, hint: /userpipe (dead-letters|dlq|init)|Leave out --/, code: 2 }));
}

Deno.test("a value of which only the beginning was kept is marked in the list and in the letter", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    const broker = openSqliteBroker({ path: join(cwd, "userpipe-data", "topics.db") });
    const cut = letter(record(1));
    await broker.publish("users_created.dlq", [
      { ...cut, headers: { ...cut.headers, "userpipe-cut": encoder.encode("3000000") } },
      letter(record(2)),
    ]);
    await broker.close();
    const list = JSON.parse(await succeeds(["dlq", "--format", "json"], { cwd }));
    assert.deepEqual(list.letters.map((each: { cut_from: number | null }) => each.cut_from), [null, 3_000_000]);
    assert.match(await succeeds(["dlq", "--format", "table"], { cwd }), /\(cut from 3,000,000 bytes\) bad/);
    const [shown] = JSON.parse(await succeeds(["dlq", "show", "0", "--format", "json"], { cwd }));
    assert.equal(shown.cut_from, 3_000_000);
  }));

/** The broker contract, first half: topics, publishing, and reading without a group. */
import assert from "node:assert/strict";
import type { Message } from "../../src/broker/broker.ts";
import { UserpipeError } from "../../src/errors.ts";
import type { ContractTest } from "./broker.ts";
import * as kit from "./broker_kit.ts";
import { encode, message, numbered, upTo } from "./broker_kit.ts";

const refusedAs = (code: string) => (error: unknown) => {
  assert.ok(error instanceof UserpipeError, String(error));
  assert.equal(error.code, code);
  assert.ok(error.message.length > 0 && error.hint.length > 0);
  return true;
};

/** Messages that are easy to get wrong on the way. */
const AWKWARD: Message[] = [
  message("", { key: encode("empty value") }),
  message(null, { key: encode("null value") }),
  message("null key"),
  message("empty key", { key: encode("") }),
  message("Ἀλκαῖος ‏عربي‏ 👩‍🚀 \u200b", { key: encode("κλειδί ключ") }),
  message(encode("a\0b\0"), { key: encode("nul\0key") }),
  message(Uint8Array.of(0xff, 0xfe, 0x00, 0x80), { key: Uint8Array.of(0xc3, 0x28) }),
  message("headers", {
    headers: { text: encode("größe"), bytes: Uint8Array.of(0xff, 0x00, 0xfe), empty: encode(""), "näme": encode("x") },
  }),
  message(new Uint8Array(900_000).map((_, i) => i * 31), { key: encode("large") }),
  message("old", { timestamp: 1 }),
  message("exact", { timestamp: 1_600_000_000_123 }),
];

export const logTests: ContractTest[] = [
  ["init makes a topic, changes nothing the second time, and says what it did", async ({ broker }) => {
    const name = kit.unique("topic");
    const states = async (dryRun: boolean) =>
      (await broker.init([kit.spec(name, 3)], { dryRun })).map((change) => change.state);
    assert.deepEqual(await states(true), ["would-make"]);
    await assert.rejects(broker.partitions(name), refusedAs("topic-missing"));
    const [change] = await broker.init([kit.spec(name, 3)], { dryRun: false });
    assert.equal(change.state, "made");
    assert.ok(change.what.includes(name) && change.statement.length > 0);
    assert.deepEqual(await states(false), ["exists"]);
    assert.deepEqual(await states(true), ["exists"]);
    assert.deepEqual(await broker.partitions(name), upTo(3).map((partition) => ({ partition, start: 0n, end: 0n })));
  }],

  ["check says that the broker answers", async ({ broker }) => {
    const check = await broker.check();
    assert.ok(check.ok && check.component.length > 0 && check.detail.length > 0);
  }],

  ["what is published is read back byte by byte, with its place and its time", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, AWKWARD);
    const read = await kit.readAll(broker, topic);
    assert.deepEqual(read.map((each) => each.offset), AWKWARD.map((_, i) => BigInt(i)));
    for (const [i, expected] of AWKWARD.entries()) {
      kit.sameBytes(read[i].key, expected.key, `key ${i}`);
      kit.sameBytes(read[i].value, expected.value, `value ${i}`);
      assert.equal(read[i].timestamp, expected.timestamp);
      assert.equal(read[i].partition, 0);
      assert.deepEqual(Object.keys(read[i].headers).sort(), Object.keys(expected.headers).sort());
      for (const name in expected.headers) kit.sameBytes(read[i].headers[name], expected.headers[name], name);
    }
  }],

  ["what one client publishes another one reads", async ({ broker, reopen }) => {
    const topic = await kit.newTopic(broker);
    const other = await reopen();
    await other.publish(topic, numbered(3));
    assert.deepEqual(kit.numbers(await kit.readAll(broker, topic)), [0, 1, 2]);
    await broker.publish(topic, numbered(3, 3));
    assert.deepEqual(kit.numbers(await kit.readAll(other, topic)), upTo(6));
  }],

  ["messages of one key are in one partition, in the order of publishing", async ({ broker }) => {
    const topic = await kit.newTopic(broker, 4);
    const sent = upTo(400).map((i) => message(String(i), { key: encode(`key ${i % 10}`) }));
    for (let i = 0; i < sent.length; i += 100) await broker.publish(topic, sent.slice(i, i + 100));
    const placeOf = new Map<string, number>();
    const order = new Map<string, number[]>();
    for (const { partition } of await broker.partitions(topic)) {
      for (const each of await kit.readAll(broker, topic, partition)) {
        const key = kit.decode(each.key);
        assert.equal(placeOf.get(key) ?? partition, partition);
        placeOf.set(key, partition);
        order.set(key, [...order.get(key) ?? [], Number(kit.decode(each.value))]);
      }
    }
    assert.equal(order.size, 10);
    for (const seen of order.values()) {
      assert.equal(seen.length, 40);
      assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
    }
  }],

  ["messages without a key are spread, and each is kept once", async ({ broker }) => {
    const topic = await kit.newTopic(broker, 3);
    for (let i = 0; i < 10; i++) await broker.publish(topic, upTo(30).map((n) => message(String(i * 30 + n))));
    const parts = await Promise.all(upTo(3).map((partition) => kit.readAll(broker, topic, partition)));
    assert.deepEqual(kit.numbers(parts.flat()), upTo(300));
    assert.ok(parts.filter((part) => part.length > 0).length > 1, "all in one partition");
  }],

  ["publishing nothing is nothing", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, []);
    assert.deepEqual(await broker.partitions(topic), [{ partition: 0, start: 0n, end: 0n }]);
  }],

  ["a message larger than the topic takes is refused with its size", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    await assert.rejects(broker.publish(topic, [message(new Uint8Array(2_000_000))]), refusedAs("record-too-large"));
    await broker.publish(topic, [message("small")]);
    assert.deepEqual(kit.values(await kit.readAll(broker, topic)), ["small"]);
  }],

  ["a topic may take larger messages than others", async ({ broker }) => {
    const name = kit.unique("topic");
    await broker.init([{ ...kit.spec(name), maxMessageBytes: 3_000_000 }], { dryRun: false });
    await broker.publish(name, [message(new Uint8Array(2_000_000))]);
    assert.deepEqual((await kit.readAll(broker, name)).map((each) => each.value?.length), [2_000_000]);
  }],

  ["a topic that is missing is an error that says so, and is not made", async ({ broker }) => {
    const topic = kit.unique("missing");
    const missing = refusedAs("topic-missing");
    await assert.rejects(broker.publish(topic, [message("x")]), missing);
    await assert.rejects(broker.partitions(topic), missing);
    await assert.rejects(broker.offsetsAt(topic, 0), missing);
    await assert.rejects(broker.read(topic, 0, 0n, { maxBytes: 1000, maxWaitMs: 0 }), missing);
    const subscribing = async () => {
      const subscription = await kit.join(broker, topic, kit.unique("group"));
      try {
        await kit.within(subscription.next(), "an error");
      } finally {
        await subscription.close();
      }
    };
    await assert.rejects(subscribing(), missing);
    await assert.rejects(broker.partitions(topic), missing);
  }],

  ["a partition's range runs from its first offset to the next to be written", async ({ broker, trim }) => {
    const topic = await kit.newTopic(broker);
    for (let i = 0; i < 10; i++) await broker.publish(topic, numbered(1, i));
    assert.deepEqual(await broker.partitions(topic), [{ partition: 0, start: 0n, end: 10n }]);
    if (!trim) return;
    await trim(topic, 0, 4n);
    assert.deepEqual(await broker.partitions(topic), [{ partition: 0, start: 4n, end: 10n }]);
    assert.deepEqual(kit.numbers(await kit.readAll(broker, topic, 0, 1n)), upTo(6, 4));
    const reader = await kit.join(broker, topic, kit.unique("group"));
    assert.deepEqual(kit.numbers(await kit.drain(reader, 6)), upTo(6, 4));
    await reader.close();
  }],

  ["a read is bounded by bytes and goes on where it ended", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, upTo(20).map((i) => message(new Uint8Array(1_000).fill(i))));
    const seen: number[] = [];
    for (let offset = 0n; offset < 20n;) {
      const slice = await broker.read(topic, 0, offset, { maxBytes: 3_500, maxWaitMs: 0 });
      assert.ok(slice.messages.length >= 1 && slice.messages.length <= 3, `${slice.messages.length} messages`);
      assert.ok(slice.next > offset);
      assert.equal(slice.end, 20n);
      seen.push(...slice.messages.map((each) => each.value![0]));
      offset = slice.next;
    }
    assert.deepEqual(seen, upTo(20));
    const alone = await broker.read(topic, 0, 7n, { maxBytes: 10, maxWaitMs: 0 });
    assert.deepEqual(alone.messages.map((each) => each.offset), [7n]);
    assert.equal(alone.next, 8n);
  }],

  ["a read at the end gives nothing, or what comes while it waits", async ({ broker, reopen }) => {
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, numbered(2));
    const none = await broker.read(topic, 0, 2n, { maxBytes: 1_000, maxWaitMs: 0 });
    assert.deepEqual(none, { messages: [], next: 2n, end: 2n });
    const waiting = broker.read(topic, 0, 2n, { maxBytes: 1_000, maxWaitMs: 20_000 });
    assert.ok(await kit.stillWaits(waiting));
    await (await reopen()).publish(topic, numbered(1, 2));
    assert.deepEqual(kit.numbers((await kit.within(waiting, "the message")).messages), [2]);
  }],

  ["a read below the start reads from the start", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, numbered(3));
    assert.deepEqual(kit.numbers(await kit.readAll(broker, topic, 0, -5n)), [0, 1, 2]);
  }],

  ["the offset at a time is the first one whose time is not before it", async ({ broker }) => {
    const topic = await kit.newTopic(broker, 2);
    const base = 1_700_000_000_000;
    assert.deepEqual(await broker.offsetsAt(topic, base), new Map([[0, 0n], [1, 0n]]));
    const key = encode("one partition");
    const at = (...times: number[]) => times.map((time) => message(String(time), { key, timestamp: base + time }));
    await broker.publish(topic, at(1_000, 3_000));
    await broker.publish(topic, at(2_000, 4_000));
    const { partition } = (await broker.partitions(topic)).find((range) => range.end > 0n)!;
    const expected: [time: number, offset: bigint][] = [
      [0, 0n],
      [1_000, 0n],
      [1_001, 1n],
      [2_500, 1n],
      [3_000, 1n],
      [3_001, 3n],
      [4_001, 4n],
    ];
    for (const [time, offset] of expected) {
      const offsets = await broker.offsetsAt(topic, base + time);
      assert.deepEqual(offsets, new Map([[partition, offset], [1 - partition, 0n]]), `at ${time}`);
    }
  }],
];

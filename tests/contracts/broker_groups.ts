/** The broker contract, second half: consumer groups, positions and acknowledgements. */
import assert from "node:assert/strict";
import type { Subscription } from "../../src/broker/broker.ts";
import type { ContractTest } from "./broker.ts";
import * as kit from "./broker_kit.ts";
import { message, numbered, upTo } from "./broker_kit.ts";

const owned = (...subscriptions: Subscription[]): number[] =>
  subscriptions.flatMap((each) => each.positions().map((position) => position.partition)).sort();

export const groupTests: ContractTest[] = [
  ["10,000 messages come through four partitions, each once and in order", async ({ broker }) => {
    const topic = await kit.newTopic(broker, 4);
    for (let i = 0; i < 10_000; i += 2_000) await broker.publish(topic, numbered(2_000, i));
    const reader = await kit.join(broker, topic, kit.unique("group"), { maxBatchMessages: 300 });
    const next = new Map<number, bigint>();
    const all: number[] = [];
    while (all.length < 10_000) {
      const batch = await kit.nextBatch(reader);
      assert.ok(batch.messages.length <= 300);
      for (const each of batch.messages) {
        assert.equal(each.partition, batch.partition);
        assert.equal(each.offset, next.get(batch.partition) ?? 0n);
        next.set(batch.partition, each.offset + 1n);
      }
      assert.ok(batch.next >= next.get(batch.partition)!);
      all.push(...kit.values(batch.messages).map(Number));
      batch.acknowledge();
    }
    assert.deepEqual(all.sort((a, b) => a - b), upTo(10_000));
    await reader.close();
  }],

  ["a position moves only on acknowledgement, to the lowest offset below which all is acknowledged", async (opened) => {
    const { broker } = opened;
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    for (let i = 0; i < 6; i += 2) await broker.publish(topic, numbered(2, i));
    const reader = await kit.join(broker, topic, group, { maxBatchMessages: 2 });
    const [first, second, third] = await kit.take(reader, 6);
    const stands = async (acknowledged: bigint) => {
      assert.deepEqual(reader.positions(), [{ partition: 0, acknowledged, end: 6n }]);
      await reader.commit();
      const committed = (await broker.committed(topic, group)).get(0);
      assert.equal(committed ?? 0n, acknowledged);
    };
    await stands(0n);
    third.acknowledge();
    await stands(0n);
    first.acknowledge();
    await stands(2n);
    first.acknowledge();
    second.acknowledge();
    await stands(6n);
    await reader.close();
  }],

  ["what was not acknowledged comes again, to another member too", async ({ broker, reopen }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    for (let i = 0; i < 4; i++) await broker.publish(topic, numbered(1, i));
    const first = await kit.join(broker, topic, group, { maxBatchMessages: 1 });
    const batches = await kit.take(first, 4);
    batches[0].acknowledge();
    batches[2].acknowledge();
    await first.close();
    const second = await kit.join(await reopen(), topic, group);
    assert.deepEqual(kit.numbers(await kit.drain(second, 3)), [1, 2, 3]);
    await second.close();
    const third = await kit.join(broker, topic, group);
    await broker.publish(topic, numbered(1, 4));
    assert.deepEqual(kit.numbers(await kit.drain(third, 1)), [4]);
    await third.close();
  }],

  ["close commits what is acknowledged, and nothing else", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    await broker.publish(topic, numbered(4));
    const reader = await kit.join(broker, topic, group, { maxBatchMessages: 2 });
    const [first] = await kit.take(reader, 4);
    first.acknowledge();
    await reader.close();
    assert.deepEqual(await broker.committed(topic, group), new Map([[0, 2n]]));
  }],

  ["an acknowledgement is committed without being asked for", async ({ broker, reopen }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    await broker.publish(topic, numbered(3));
    const reader = await kit.join(broker, topic, group);
    await kit.drain(reader, 3);
    const other = await reopen();
    await kit.until("the commit", async () => (await other.committed(topic, group)).get(0) === 3n);
    await reader.close();
  }],

  ["a batch that is acknowledged in part is delivered again from there on", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    await broker.publish(topic, numbered(10));
    const reader = await kit.join(broker, topic, group);
    const batch = await kit.nextBatch(reader);
    batch.acknowledge(batch.messages[4].offset);
    await reader.close();
    assert.equal((await broker.committed(topic, group)).get(0), 4n);
    const next = await kit.join(broker, topic, group);
    assert.equal((await kit.nextBatch(next)).messages[0].offset, 4n);
    await next.close();
  }],

  ["an acknowledgement counts after stop, until close", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    await broker.publish(topic, numbered(2));
    const reader = await kit.join(broker, topic, group);
    const batches = await kit.take(reader, 2);
    const waiting = reader.next();
    reader.stop();
    assert.equal(await kit.within(waiting, "the end"), null);
    assert.equal(await kit.within(reader.next(), "the end"), null);
    for (const batch of batches) batch.acknowledge();
    await reader.close();
    assert.deepEqual(await broker.committed(topic, group), new Map([[0, 2n]]));
  }],

  ["close ends a waiting reader", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    const reader = await kit.join(broker, topic, kit.unique("group"));
    const waiting = reader.next();
    assert.ok(await kit.stillWaits(waiting));
    await reader.close();
    assert.equal(await kit.within(waiting, "the end"), null);
  }],

  ["a waiting reader gets what another client publishes", async ({ broker, reopen }) => {
    const topic = await kit.newTopic(broker, 2);
    const reader = await kit.join(broker, topic, kit.unique("group"));
    const waiting = kit.nextBatch(reader);
    assert.ok(await kit.stillWaits(waiting));
    await (await reopen()).publish(topic, numbered(1));
    assert.deepEqual(kit.numbers((await waiting).messages), [0]);
    await reader.close();
  }],

  ["a group that committed nothing begins at the earliest", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    await broker.publish(topic, numbered(3));
    assert.deepEqual(await broker.committed(topic, group), new Map());
    const reader = await kit.join(broker, topic, group);
    assert.deepEqual(kit.numbers(await kit.drain(reader, 3)), [0, 1, 2]);
    await reader.close();
  }],

  ["groups stand where each of them stands", async ({ broker }) => {
    const topic = await kit.newTopic(broker, 2);
    await broker.publish(topic, numbered(20));
    for (const group of [kit.unique("group"), kit.unique("group")]) {
      const reader = await kit.join(broker, topic, group);
      assert.deepEqual(kit.numbers(await kit.drain(reader, 20)), upTo(20));
      await reader.close();
    }
  }],

  ["from the earliest reads everything again", async ({ broker }) => {
    const topic = await kit.newTopic(broker, 2);
    const group = kit.unique("group");
    await broker.publish(topic, numbered(20));
    for (const from of ["committed", "earliest"] as const) {
      const reader = await kit.join(broker, topic, group, { from });
      assert.deepEqual(kit.numbers(await kit.drain(reader, 20)), upTo(20));
      await reader.close();
    }
  }],

  ["from the latest reads only what comes", async ({ broker }) => {
    const topic = await kit.newTopic(broker, 2);
    const group = kit.unique("group");
    await broker.publish(topic, numbered(20));
    const reader = await kit.join(broker, topic, group, { from: "latest" });
    const { messages, ended } = kit.pump(reader);
    await kit.until("the assignment", () => owned(reader).length === 2);
    await broker.publish(topic, numbered(10, 20));
    await kit.until("ten messages", () => messages.length >= 10);
    reader.stop();
    await ended;
    assert.deepEqual(kit.numbers(messages), upTo(10, 20));
    await reader.close();
  }],

  ["from a time reads what is not before it", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    const base = 1_700_000_000_000;
    await broker.publish(topic, upTo(10).map((i) => message(String(i), { timestamp: base + i * 1_000 })));
    const first = await kit.join(broker, topic, group);
    await kit.drain(first, 10);
    await first.close();
    const second = await kit.join(broker, topic, group, { from: { timestamp: base + 6_500 } });
    assert.deepEqual(kit.numbers(await kit.drain(second, 3)), [7, 8, 9]);
    await second.close();
  }],

  ["what is handed out and not acknowledged stays within its limit", async ({ broker }) => {
    const topic = await kit.newTopic(broker, 2);
    await broker.publish(topic, upTo(16).map((i) => message(new Uint8Array(10_000).fill(i))));
    const limits = { maxInFlightBytes: 50_000, maxBatchMessages: 2 };
    const reader = await kit.join(broker, topic, kit.unique("group"), limits);
    const held = [await kit.nextBatch(reader)];
    const bytes = () => held.reduce((sum, batch) => sum + batch.bytes, 0);
    let seen = held[0].messages.length;
    while (seen < 16) {
      const waiting = kit.nextBatch(reader);
      if (await kit.stillWaits(waiting)) {
        assert.ok(held.length > 0, "it waits with nothing in flight");
        held.shift()!.acknowledge();
      }
      const batch = await waiting;
      held.push(batch);
      seen += batch.messages.length;
      assert.ok(batch.bytes >= batch.messages.length * 10_000);
      assert.ok(bytes() <= 50_000, `${bytes()} bytes in flight`);
    }
    for (const batch of held) batch.acknowledge();
    await reader.close();
  }],

  ["a message larger than what may be in flight is handed out alone", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, upTo(2).map((i) => message(new Uint8Array(100_000).fill(i))));
    const reader = await kit.join(broker, topic, kit.unique("group"), { maxInFlightBytes: 1_000 });
    const first = await kit.nextBatch(reader);
    assert.equal(first.messages.length, 1);
    const waiting = kit.nextBatch(reader);
    assert.ok(await kit.stillWaits(waiting));
    first.acknowledge();
    assert.deepEqual((await waiting).messages.map((each) => each.offset), [1n]);
    await reader.close();
  }],

  ["two members of a group share the partitions and together see everything once", async ({ broker, reopen }) => {
    const topic = await kit.newTopic(broker, 4);
    const group = kit.unique("group");
    const one = await kit.join(broker, topic, group);
    const two = await kit.join(await reopen(), topic, group);
    const [ofOne, ofTwo] = [kit.pump(one), kit.pump(two)];
    const shared = () => owned(one).length === 2 && owned(two).length === 2;
    await kit.until("two partitions each", () => shared() && new Set(owned(one, two)).size === 4);
    for (let i = 0; i < 1_000; i += 200) await broker.publish(topic, numbered(200, i));
    await kit.until("1,000 messages", () => ofOne.messages.length + ofTwo.messages.length >= 1_000);
    one.stop();
    two.stop();
    await Promise.all([ofOne.ended, ofTwo.ended]);
    assert.deepEqual(kit.numbers([...ofOne.messages, ...ofTwo.messages]), upTo(1_000));
    assert.ok(ofOne.messages.length > 0 && ofTwo.messages.length > 0);
    await Promise.all([one.close(), two.close()]);
  }],

  ["a member that comes is given a share, and what it leaves goes back", async ({ broker, reopen }) => {
    const topic = await kit.newTopic(broker, 4);
    const group = kit.unique("group");
    const one = await kit.join(broker, topic, group);
    const ofOne = kit.pump(one);
    await kit.until("all partitions", () => owned(one).length === 4);
    const two = await kit.join(await reopen(), topic, group);
    const ofTwo = kit.pump(two);
    await kit.until("two partitions each", () => owned(one).length === 2 && owned(two).length === 2);
    two.stop();
    await ofTwo.ended;
    await two.close();
    await broker.publish(topic, numbered(100));
    await kit.until("all partitions again", () => owned(one).length === 4);
    const missing = () => upTo(100).length - new Set(kit.values([...ofOne.messages, ...ofTwo.messages])).size;
    await kit.until("every message", () => missing() === 0);
    await one.close();
    await ofOne.ended;
  }],

  ["reading without a group moves no position", async ({ broker }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    await broker.publish(topic, numbered(5));
    assert.equal((await kit.readAll(broker, topic)).length, 5);
    assert.deepEqual(await broker.committed(topic, group), new Map());
    const reader = await kit.join(broker, topic, group);
    assert.deepEqual(kit.numbers(await kit.drain(reader, 2)), upTo(5));
    await kit.readAll(broker, topic);
    await reader.close();
    assert.deepEqual(await broker.committed(topic, group), new Map([[0, 5n]]));
  }],
];

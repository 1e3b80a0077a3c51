/** Publishing to a Kafka whose answers go astray: what was confirmed is there, and nothing is taken for a repetition. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { openKafka } from "../src/broker/kafka.ts";
import * as kit from "./contracts/broker_kit.ts";
import { kafkaProxy } from "./support/kafka_proxy.ts";
import { serviceTest } from "./support/services.ts";

const open = (brokers: string) => openKafka({ brokers: brokers.split(","), clientId: "userpipe-producer" });

/** Where a chunk holds Kafka's answer to a publish of partition 0 of `topic`: the place of its error code, else −1. */
function errorCodeIn(chunk: Uint8Array, topic: string): number {
  const name = kit.encode(topic);
  // One partition, number 0, error code 0.
  const pattern = Uint8Array.of(0, name.length, ...name, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0);
  const at = Array.from(chunk.keys()).find((start) => pattern.every((byte, i) => chunk[start + i] === byte));
  return at === undefined ? -1 : at + pattern.length - 2;
}

serviceTest("what Kafka has without our knowing does not make it drop what comes next", async ({ brokers }) => {
  const direct = open(brokers);
  const topic = await kit.newTopic(direct);
  let losing = true;
  await using proxy = kafkaProxy(brokers.split(",")[0], (chunk) => {
    if (losing && errorCodeIn(chunk, topic) !== -1) proxy.cut();
  });
  const broker = open(proxy.address);
  await assert.rejects(broker.publish(topic, kit.numbered(3)), (error) => {
    assert.ok(error instanceof UserpipeError);
    assert.equal(error.code, "broker-unreachable");
    return true;
  });
  assert.deepEqual(kit.numbers(await kit.readAll(direct, topic)), [0, 1, 2]);
  losing = false;
  await broker.publish(topic, kit.numbered(3, 3));
  assert.deepEqual(kit.numbers(await kit.readAll(direct, topic)), [0, 1, 2, 3, 4, 5]);
  await Promise.all([broker.close(), direct.close()]);
});

serviceTest("a lost answer is asked for again, and the records are there once", async ({ brokers }) => {
  const direct = open(brokers);
  const topic = await kit.newTopic(direct);
  let losing = true;
  await using proxy = kafkaProxy(brokers.split(",")[0], (chunk) => {
    if (!losing || errorCodeIn(chunk, topic) === -1) return;
    losing = false;
    proxy.cut();
  });
  const broker = open(proxy.address);
  await broker.publish(topic, kit.numbered(3));
  assert.equal(losing, false);
  assert.deepEqual(kit.numbers(await kit.readAll(direct, topic)), [0, 1, 2]);
  await Promise.all([broker.close(), direct.close()]);
});

serviceTest("a producer that is told that its numbers are wrong is replaced", async ({ brokers }) => {
  const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;
  const direct = open(brokers);
  const topic = await kit.newTopic(direct);
  let told = 0;
  await using proxy = kafkaProxy(brokers.split(",")[0], (chunk) => {
    const at = errorCodeIn(chunk, topic);
    if (at === -1 || told === 2) return;
    told++;
    chunk[at + 1] = OUT_OF_ORDER_SEQUENCE_NUMBER;
  });
  const broker = open(proxy.address);
  await broker.publish(topic, kit.numbered(3));
  assert.equal(told, 2);
  await broker.publish(topic, kit.numbered(1, 3));
  assert.deepEqual([...new Set(kit.numbers(await kit.readAll(direct, topic)))], [0, 1, 2, 3]);
  await Promise.all([broker.close(), direct.close()]);
});

serviceTest("publishes that are asked for at once keep their order", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  await Promise.all(kit.upTo(20).map((i) => broker.publish(topic, kit.numbered(50, i * 50))));
  assert.deepEqual(kit.values(await kit.readAll(broker, topic)), kit.upTo(1_000).map(String));
  await broker.close();
});

/** A Kafka that is cut off, moves on or forgets: a subscription goes on by itself and loses nothing. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { openKafka } from "../src/broker/kafka.ts";
import { newCluster } from "../src/broker/kafka_internals.ts";
import * as kit from "./contracts/broker_kit.ts";
import { admin } from "./support/kafka_admin.ts";
import { kafkaProxy } from "./support/kafka_proxy.ts";
import { serviceTest } from "./support/services.ts";

const open = (brokers: string) => openKafka({ brokers: brokers.split(","), clientId: "userpipe-faults" });

/** Makes the group forget its members, as a session that ran out does. */
async function expel(brokers: string, group: string): Promise<void> {
  const { groups: [{ members }] } = await admin(brokers, (kafka) => kafka.describeGroups([group]));
  const cluster = newCluster({
    brokers: brokers.split(","),
    clientId: "userpipe-expel",
    connectionTimeoutMs: 3_000,
    requestTimeoutMs: 10_000,
    retries: 1,
  }) as ReturnType<typeof newCluster> & {
    findGroupCoordinator(of: object): Promise<Coordinator>;
    disconnect(): Promise<void>;
  };
  interface Coordinator {
    leaveGroup(member: { groupId: string; memberId: string }): Promise<void>;
  }
  await cluster.connect();
  await cluster.refreshMetadata();
  const coordinator = await cluster.findGroupCoordinator({ groupId: group });
  for (const { memberId } of members) await coordinator.leaveGroup({ groupId: group, memberId });
  await cluster.disconnect();
}

serviceTest("a drain whose connections are cut again and again loses nothing", async ({ brokers }) => {
  await using proxy = kafkaProxy(brokers.split(",")[0]);
  const direct = open(brokers);
  const topic = await kit.newTopic(direct, 2);
  const group = kit.unique("group");
  for (let i = 0; i < 5_000; i += 1_000) await direct.publish(topic, kit.numbered(1_000, i));
  const broker = open(proxy.address);
  const reader = await kit.join(broker, topic, group, { maxBatchMessages: 100, maxInFlightBytes: 20_000 });
  const seen = new Set<string>();
  for (let batches = 1; seen.size < 5_000; batches++) {
    const batch = await kit.nextBatch(reader);
    for (const value of kit.values(batch.messages)) seen.add(value);
    batch.acknowledge();
    if (batches % 20 === 0 && batches <= 60) proxy.cut();
  }
  await reader.close();
  const committed = await direct.committed(topic, group);
  const ends = await direct.partitions(topic);
  assert.deepEqual(committed, new Map(ends.map(({ partition, end }) => [partition, end])));
  await Promise.all([broker.close(), direct.close()]);
});

serviceTest("a Kafka that is away for a while is waited for", async ({ brokers }) => {
  await using proxy = kafkaProxy(brokers.split(",")[0]);
  const direct = open(brokers);
  const topic = await kit.newTopic(direct);
  const broker = open(proxy.address);
  await broker.publish(topic, kit.numbered(1));
  const reader = await kit.join(broker, topic, kit.unique("group"));
  await kit.drain(reader, 1);
  proxy.refuse();
  const waiting = kit.nextBatch(reader);
  await direct.publish(topic, kit.numbered(1, 1));
  await assert.rejects(broker.publish(topic, kit.numbered(1, 2)), (error) => {
    assert.ok(error instanceof UserpipeError);
    assert.equal(error.code, "broker-unreachable");
    assert.ok(error.message.startsWith(`Cannot reach Kafka at "${proxy.address}"`), error.message);
    return true;
  });
  assert.ok(await kit.stillWaits(waiting));
  proxy.allow();
  // What was committed before the cut may be delivered again; what is new is among it.
  let messages = (await waiting).messages;
  while (!kit.values(messages).includes("1")) messages = (await kit.nextBatch(reader)).messages;
  await broker.publish(topic, kit.numbered(1, 2));
  await reader.close();
  await Promise.all([broker.close(), direct.close()]);
});

serviceTest(
  "a member that its group forgot joins again, and what it held acknowledges without effect",
  async ({ brokers }) => {
    const broker = open(brokers);
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    await broker.publish(topic, kit.numbered(2));
    const reader = await kit.join(broker, topic, group, { maxBatchMessages: 1 });
    const [first, second] = await kit.take(reader, 2);
    first.acknowledge();
    await reader.commit();
    await expel(brokers, group);
    const again = await kit.nextBatch(reader);
    assert.deepEqual(kit.values(again.messages), ["1"]);
    second.acknowledge();
    await reader.commit();
    assert.deepEqual(await broker.committed(topic, group), new Map([[0, 1n]]));
    again.acknowledge();
    await reader.commit();
    assert.deepEqual(await broker.committed(topic, group), new Map([[0, 2n]]));
    await broker.close();
  },
);

serviceTest(
  "what --from asked for is kept when the group moves on before anything is committed",
  async ({ brokers }) => {
    const broker = open(brokers);
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    await broker.publish(topic, kit.numbered(5));
    const reader = await kit.join(broker, topic, group, { from: "latest" });
    await kit.until("the assignment", () => reader.positions().length === 1);
    await expel(brokers, group);
    await broker.publish(topic, kit.numbered(1, 5));
    assert.deepEqual(kit.values((await kit.nextBatch(reader)).messages), ["5"]);
    await broker.close();
  },
);

serviceTest(
  "members that come and go while the store is slow lose nothing, and never commit what is not stored",
  async ({ brokers }) => {
    const broker = open(brokers);
    const topic = await kit.newTopic(broker, 4);
    const group = kit.unique("group");
    const total = 2_000;
    for (let i = 0; i < total; i += 500) await broker.publish(topic, kit.numbered(500, i));
    const stored = new Map<number, Set<bigint>>([0, 1, 2, 3].map((partition) => [partition, new Set()]));
    const count = () => [...stored.values()].reduce((sum, offsets) => sum + offsets.size, 0);

    /** Stores each batch after a while of its own, so that acknowledgements come out of order. */
    const work = async (client: ReturnType<typeof open>) => {
      const reader = await kit.join(client, topic, group, { maxBatchMessages: 20, maxInFlightBytes: 3_000 });
      const under = new Set<Promise<void>>();
      const read = async () => {
        for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
          const { partition, messages, acknowledge } = batch;
          const store = new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 60)).then(() => {
            for (const { offset } of messages) stored.get(partition)!.add(offset);
            acknowledge();
          });
          under.add(store);
          store.finally(() => under.delete(store));
        }
      };
      const reading = read();
      return async () => {
        reader.stop();
        await reading;
        await Promise.all(under);
        await reader.close();
      };
    };

    const watching = open(brokers);
    const nothingAhead = async () => {
      for (const [partition, position] of await watching.committed(topic, group)) {
        for (let offset = 0n; offset < position; offset++) {
          assert.ok(
            stored.get(partition)!.has(offset),
            `${offset} of partition ${partition} is committed and not stored`,
          );
        }
      }
    };
    const others = [open(brokers), open(brokers)];
    const leaving = [await work(broker)];
    for (const other of others) {
      const before = count();
      await kit.until("some progress", () => count() >= Math.min(total, before + 200));
      leaving.push(await work(other));
      await nothingAhead();
    }
    await leaving.shift()!();
    await nothingAhead();
    await kit.until("every message", () => count() === total);
    await Promise.all(leaving.map((leave) => leave()));
    await nothingAhead();
    const ends = await broker.partitions(topic);
    assert.deepEqual(await broker.committed(topic, group), new Map(ends.map(({ partition, end }) => [partition, end])));
    await Promise.all([broker, watching, ...others].map((each) => each.close()));
  },
);

serviceTest(
  "records that were removed before they were read are passed over, and the position with them",
  async ({ brokers }) => {
    const broker = open(brokers);
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    for (let i = 0; i < 10; i += 2) await broker.publish(topic, kit.numbered(2, i));
    const first = await kit.join(broker, topic, group, { maxBatchMessages: 2 });
    (await kit.nextBatch(first)).acknowledge();
    await first.close();
    await admin(brokers, async (kafka) => {
      await kafka.fetchTopicOffsets(topic);
      await kafka.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "10" }] });
    });
    const second = await kit.join(broker, topic, group);
    const passed = await kit.within(second.next(), "the gap");
    assert.deepEqual([passed?.messages.length, passed?.next], [0, 10n]);
    passed!.acknowledge();
    await second.commit();
    assert.deepEqual(second.positions(), [{ partition: 0, acknowledged: 10n, end: 10n }]);
    await broker.publish(topic, kit.numbered(1, 10));
    assert.deepEqual(kit.numbers(await kit.drain(second, 1)), [10]);
    await broker.close();
  },
);

serviceTest("a topic that was made again with less in it is read from its start", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  const group = kit.unique("group");
  await broker.publish(topic, kit.numbered(5));
  const reader = await kit.join(broker, topic, group, { maxBatchMessages: 1 });
  const held = await kit.take(reader, 5);
  await admin(brokers, (kafka) => kafka.deleteTopics({ topics: [topic] }));
  const other = open(brokers);
  await kit.until(
    "the topic to be gone",
    async () => (await other.init([kit.spec(topic)], { dryRun: true }))[0].state === "would-make",
  );
  await other.init([kit.spec(topic)], { dryRun: false });
  await other.publish(topic, kit.numbered(2, 100));
  const [again] = await kit.take(reader, 1);
  assert.deepEqual([kit.values(again.messages), again.messages[0].offset], [["100"], 0n]);
  for (const batch of held) batch.acknowledge();
  await reader.commit();
  assert.deepEqual(await other.committed(topic, group), new Map());
  await Promise.all([broker.close(), other.close()]);
});

serviceTest("batches that wait for one that is stuck hold up nothing", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  await broker.publish(topic, kit.numbered(60));
  const reader = await kit.join(broker, topic, kit.unique("group"), { maxBatchMessages: 1 });
  const stuck = await kit.nextBatch(reader);
  assert.equal((await kit.drain(reader, 59)).length, 59);
  stuck.acknowledge();
  await reader.commit();
  assert.deepEqual(reader.positions().map(({ acknowledged }) => acknowledged), [60n]);
  await broker.close();
});

serviceTest("close does not wait for a fetch, and a second close is the first one", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  const reader = await kit.join(broker, topic, kit.unique("group"));
  await kit.until("the assignment", () => reader.positions().length === 1);
  assert.ok(await kit.stillWaits(reader.next().then(() => {})));
  const start = performance.now();
  await Promise.all([reader.close(), reader.close()]);
  assert.ok(performance.now() - start < 4_500, `${performance.now() - start} ms`);
  await broker.close();
});

Deno.test("no Kafka is an error within seconds, whatever was asked of it", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const broker = open(`127.0.0.1:${port}`);
  const unreachable = (error: unknown) => {
    assert.ok(error instanceof UserpipeError);
    assert.equal(error.code, "broker-unreachable");
    assert.equal(error.message, `Cannot reach Kafka at "127.0.0.1:${port}": connection refused`);
    assert.match(error.hint, /docker compose up -d/);
    return true;
  };
  const start = performance.now();
  await Promise.all([
    assert.rejects(broker.publish("t", kit.numbered(1)), unreachable),
    assert.rejects(broker.partitions("t"), unreachable),
    assert.rejects(broker.read("t", 0, 0n, { maxBytes: 1, maxWaitMs: 0 }), unreachable),
    assert.rejects(kit.join(broker, "t", "g"), unreachable),
    assert.rejects(broker.init([kit.spec("t")], { dryRun: true }), unreachable),
  ]);
  const check = await broker.check();
  assert.ok(!check.ok && unreachable(check.error));
  assert.ok(performance.now() - start < 20_000, `${performance.now() - start} ms`);
  await broker.close();
});

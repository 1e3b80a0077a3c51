/** What a topic of Kafka may hold that others wrote: transactions, compacted records, every compression. */
import assert from "node:assert/strict";
import { CompressionCodecs, CompressionTypes, Kafka, logLevel, type Producer } from "kafkajs";
import type { Delivered } from "../src/broker/broker.ts";
import { openKafka } from "../src/broker/kafka.ts";
import { CODECS, type Compression, MAX_BATCH_BYTES } from "../src/broker/kafka_codecs.ts";
import * as kit from "./contracts/broker_kit.ts";
import { kafkaProxy } from "./support/kafka_proxy.ts";
import { serviceTest } from "./support/services.ts";

const open = (brokers: string, compression: Compression = "none") =>
  openKafka({ brokers: brokers.split(","), clientId: "userpipe-topics", compression });

const theirs = (brokers: string) => new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });

/** A producer that is not ours. */
async function producing(producer: Producer, work: (producer: Producer) => Promise<void>): Promise<void> {
  await producer.connect();
  try {
    await work(producer);
  } finally {
    await producer.disconnect();
  }
}

const plain = (brokers: string) => theirs(brokers).producer({ createPartitioner: () => () => 0 });

for (const type of [2, 3, 4] as const) {
  CompressionCodecs[type] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(Buffer.from(CODECS[type]!.compress(buffer))),
    decompress: () => assert.fail("records are not decompressed by kafkajs"),
  });
}

serviceTest("records of every compression are read, with and without a group", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  const compressions = [0, 1, 2, 3, 4];
  await producing(plain(brokers), async (producer) => {
    for (const compression of compressions) {
      const messages = kit.upTo(100).map((i) => ({ key: `k${i}`, value: `${compression} ${i} ${"x".repeat(200)}` }));
      await producer.send({ topic, messages, compression });
    }
  });
  const expected = compressions.flatMap((compression) =>
    kit.upTo(100).map((i) => `${compression} ${i} ${"x".repeat(200)}`)
  );
  assert.deepEqual(kit.values(await kit.readAll(broker, topic)), expected);
  const reader = await kit.join(broker, topic, kit.unique("group"));
  assert.deepEqual(kit.values(await kit.drain(reader, 500)), expected);
  await broker.close();
});

serviceTest("what is published with each compression is read by ourselves and by kafkajs", async ({ brokers }) => {
  const reading = open(brokers);
  const topic = await kit.newTopic(reading);
  const compressions: Compression[] = ["none", "gzip", "snappy", "lz4", "zstd"];
  for (const [i, compression] of compressions.entries()) {
    const broker = open(brokers, compression);
    await broker.publish(topic, kit.numbered(50, i * 50));
    await broker.close();
  }
  assert.deepEqual(kit.values(await kit.readAll(reading, topic)), kit.upTo(250).map(String));
  await reading.close();
});

serviceTest(
  "a transaction's marker at the end of a topic is passed, and so are records that were aborted",
  async ({ brokers }) => {
    const broker = open(brokers);
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    const transactionalId = kit.unique("transaction");
    const producer = theirs(brokers).producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
    await producing(producer, async () => {
      for (
        const [outcome, values] of [["commit", ["a", "b"]], ["abort", ["c"]], ["commit", ["d"]], ["abort", [
          "e",
        ]]] as const
      ) {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: values.map((value) => ({ value })) });
        await transaction[outcome]();
      }
    });
    const end = 9n;
    await kit.until("the last marker", async () => (await broker.partitions(topic))[0].end === end);
    assert.deepEqual(kit.values(await kit.readAll(broker, topic)), ["a", "b", "d"]);
    const last = await broker.read(topic, 0, 7n, { maxBytes: 1_000, maxWaitMs: 0 });
    assert.deepEqual([last.messages, last.next, last.end], [[], 9n, 9n]);
    const reader = await kit.join(broker, topic, group);
    const values: string[] = [];
    const atEnd = () => reader.positions().some((position) => position.acknowledged === end && position.end === end);
    while (!atEnd()) {
      const batch = await kit.within(reader.next(), "a batch");
      values.push(...kit.values(batch!.messages));
      batch!.acknowledge();
    }
    assert.deepEqual(values, ["a", "b", "d"]);
    await reader.close();
    assert.deepEqual(await broker.committed(topic, group), new Map([[0, end]]));
    await broker.close();
  },
);

serviceTest("a transaction that is open holds back its own records and those behind it", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  await broker.publish(topic, kit.numbered(1));
  const producer = theirs(brokers).producer({
    transactionalId: kit.unique("transaction"),
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producing(producer, async () => {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: "1" }] });
    await broker.publish(topic, kit.numbered(1, 2));
    assert.equal((await broker.partitions(topic))[0].end, 1n);
    assert.deepEqual(kit.values(await kit.readAll(broker, topic)), ["0"]);
    await transaction.commit();
  });
  await kit.until("its end", async () => (await broker.partitions(topic))[0].end === 4n);
  assert.deepEqual(kit.values(await kit.readAll(broker, topic)), ["0", "1", "2"]);
  await broker.close();
});

serviceTest("a compacted topic is read to its end, whatever is left of it", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = kit.unique("compacted");
  const admin = theirs(brokers).admin();
  await admin.connect();
  const config = {
    "cleanup.policy": "compact",
    "segment.bytes": "2000",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1",
  };
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  await admin.createTopics({
    topics: [{ topic, numPartitions: 1, replicationFactor: 1, configEntries }],
    waitForLeaders: true,
  });
  await admin.disconnect();
  const round = (i: number) => [kit.message(`${i} ${"x".repeat(500)}`, { key: kit.encode(`key ${i % 3}`) })];
  for (let i = 0; i < 30; i++) {
    // Every few rounds another client: of each producer's last batch Kafka keeps the frame without its records.
    const writer = i % 5 === 0 ? open(brokers) : broker;
    await writer.publish(topic, round(i));
    if (writer !== broker) await writer.close();
  }
  await kit.until("the compaction", async () => (await kit.readAll(broker, topic)).length < 15);
  const [{ end }] = await broker.partitions(topic);
  assert.equal(end, 30n);
  const left = await kit.readAll(broker, topic);
  assert.deepEqual(kit.values(left.slice(-1)), [`29 ${"x".repeat(500)}`]);
  const reader = await kit.join(broker, topic, kit.unique("group"));
  const offsets: bigint[] = [];
  while (reader.positions()[0]?.acknowledged !== end) {
    const batch = await kit.within(reader.next(), "a batch");
    offsets.push(...batch!.messages.map((each) => each.offset));
    batch!.acknowledge();
  }
  assert.ok(offsets.length < 30 && offsets.at(-1) === 29n, String(offsets));
  await broker.close();
});

serviceTest(
  "of a header that is there twice the last value is kept, and a time is kept to the millisecond",
  async ({ brokers }) => {
    const broker = open(brokers);
    const topic = await kit.newTopic(broker);
    const messages = [
      { value: "a", timestamp: "1600000000123", headers: { twice: ["first", "last"], once: "x" } },
      { value: "b", timestamp: "1500000000001" },
    ];
    await producing(plain(brokers), async (producer) => {
      await producer.send({ topic, messages });
    });
    const [first, second] = await kit.readAll(broker, topic);
    assert.deepEqual(Object.entries(first.headers).map(([name, value]) => [name, kit.decode(value)]), [
      ["twice", "last"],
      ["once", "x"],
    ]);
    assert.deepEqual([first.timestamp, second.timestamp], [1600000000123, 1500000000001]);
    await broker.close();
  },
);

serviceTest(
  "a batch that grows too large is one message for all of its offsets, and what is behind it is read",
  async ({ brokers }) => {
    const broker = open(brokers);
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, kit.numbered(2));
    await producing(plain(brokers), async (producer) => {
      const messages = [{ value: "small" }, { value: Buffer.alloc(MAX_BATCH_BYTES) }];
      await producer.send({ topic, messages, compression: CompressionTypes.GZIP });
    });
    await broker.publish(topic, kit.numbered(1, 4));
    const stands = (message: Delivered) => {
      assert.deepEqual([message.offset, message.key, message.unreadable!.last], [2n, null, 3n]);
      assert.match(
        message.unreadable!.reason,
        /^the record batch of the offsets 2 to 3 \(gzip\) cannot be read: it grows to more than 67108864 bytes/,
      );
      const { length } = message.value!;
      assert.ok(length > 60_000 && length < 200_000, `${length} bytes`);
    };
    for (const from of [2n, 3n]) {
      const { messages, next } = await broker.read(topic, 0, from, { maxBytes: 1_000, maxWaitMs: 0 });
      assert.deepEqual([messages.length, next], [1, 4n]);
      stands(messages[0]);
    }
    const group = kit.unique("group");
    const reader = await kit.join(broker, topic, group);
    const batches = [await kit.nextBatch(reader), await kit.nextBatch(reader), await kit.nextBatch(reader)];
    assert.deepEqual(batches.map(({ next }) => next), [2n, 4n, 5n]);
    assert.deepEqual(kit.values([...batches[0].messages, ...batches[2].messages]), ["0", "1", "4"]);
    assert.equal(batches[1].messages.length, 1);
    stands(batches[1].messages[0]);
    for (const batch of batches) batch.acknowledge();
    await reader.close();
    assert.deepEqual(await broker.committed(topic, group), new Map([[0, 5n]]));
    await broker.close();
  },
);

serviceTest(
  "a batch that does not fit its checksum is fetched once more before that is believed",
  async ({ brokers }) => {
    let left = 0;
    const spoil = (chunk: Uint8Array) => {
      const at = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).indexOf("spoil me");
      if (at < 0 || left === 0) return;
      left--;
      chunk[at] ^= 1;
    };
    await using proxy = kafkaProxy(brokers, spoil);
    const broker = open(proxy.address);
    const topic = await kit.newTopic(broker);
    for (const value of ["before", "spoil me", "behind"]) await broker.publish(topic, [kit.message(value)]);
    const seen = (messages: readonly Delivered[]) =>
      messages.map(({ value, unreadable }) => unreadable?.reason ?? kit.decode(value));
    const whole = ["before", "spoil me", "behind"];
    const refused = "the record batch of the offsets 1 to 1 (not compressed) cannot be read: its checksum does not fit";
    for (const [times, expected] of [[1, whole], [2, ["before", refused, "behind"]]] as const) {
      left = times;
      const reader = await kit.join(broker, topic, kit.unique("group"));
      assert.deepEqual(seen(await kit.drain(reader, 3)), expected);
      assert.equal(left, 0);
      left = times;
      assert.deepEqual(seen((await broker.read(topic, 0, 1n, { maxBytes: 1, maxWaitMs: 0 })).messages), [expected[1]]);
      assert.equal(left, 0);
    }
    await broker.close();
  },
);

serviceTest(
  "a request that the topic finds too large is sent in smaller ones, and nothing is lost or out of order",
  async ({ brokers }) => {
    const broker = open(brokers);
    const name = kit.unique("topic");
    await broker.init([{ ...kit.spec(name), maxMessageBytes: 20_000 }], { dryRun: false });
    const sent = kit.upTo(300).map((i) => kit.message(`${i} ${"x".repeat(300)}`));
    await broker.publish(name, sent);
    const values = kit.values(await kit.readAll(broker, name));
    assert.deepEqual(values, sent.map((each) => kit.decode(each.value)));
    await assert.rejects(
      broker.publish(name, [kit.message(new Uint8Array(30_000))]),
      /A record of 30000 bytes is larger/,
    );
    await broker.publish(name, [kit.message("after it")]);
    assert.equal(kit.values(await kit.readAll(broker, name)).at(-1), "after it");
    await broker.close();
  },
);

serviceTest("a position may be acknowledged within a batch; the rest comes again", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  const group = kit.unique("group");
  await broker.publish(topic, kit.numbered(10));
  const first = await kit.join(broker, topic, group);
  const batch = await kit.nextBatch(first);
  batch.acknowledge(4n);
  await first.close();
  assert.deepEqual(await broker.committed(topic, group), new Map([[0, 4n]]));
  const second = await kit.join(broker, topic, group);
  assert.deepEqual(kit.numbers(await kit.drain(second, 6)), kit.upTo(6, 4));
  await broker.close();
});

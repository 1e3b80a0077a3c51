/** A topic that was deleted and made again under its name: it is read from its start, and no position of before is used. */
import assert from "node:assert/strict";
import { openKafka } from "../src/broker/kafka.ts";
import { newCluster } from "../src/broker/kafka_internals.ts";
import { TopicIdentity, topicIdOf, TopicMadeAgain } from "../src/broker/kafka_topic_id.ts";
import type { KafkaCluster } from "../src/broker/kafka_types.ts";
import * as kit from "./contracts/broker_kit.ts";
import { until, withFolder } from "./support/cli.ts";
import { kafkaEnds } from "./support/ends.ts";
import { admin, deleteTopic } from "./support/kafka_admin.ts";
import { idsOf, Rig } from "./support/rig.ts";
import { serviceTest } from "./support/services.ts";

const open = (brokers: string) => openKafka({ brokers: brokers.split(","), clientId: "userpipe-again" });

interface Coordinator {
  offsetCommit(commit: object): Promise<void>;
}

/** Asks Kafka as kafkajs does. */
async function asking<T>(brokers: string, topic: string, work: (cluster: KafkaCluster) => Promise<T>): Promise<T> {
  const cluster = newCluster({
    brokers: brokers.split(","),
    clientId: "userpipe-asking",
    connectionTimeoutMs: 3_000,
    requestTimeoutMs: 10_000,
    retries: 1,
  }) as KafkaCluster & { disconnect(): Promise<void> };
  await cluster.connect();
  await cluster.addTargetTopic(topic);
  try {
    return await work(cluster);
  } finally {
    await cluster.disconnect();
  }
}

/** Commits 3 for a group that has no member, as a tool would. */
function commitThree(brokers: string, topic: string, groupId: string, metadata: string | null): Promise<void> {
  const partitions = [{ partition: 0, offset: "3", metadata }];
  const commit = { groupId, memberId: "", groupGenerationId: -1, topics: [{ topic, partitions }] };
  return asking(brokers, topic, async (cluster) => {
    const coordinator = await cluster.findGroupCoordinator({ groupId }) as unknown as Coordinator;
    // A Kafka that was just started is not ready for groups yet.
    await kit.until("the commit", () => coordinator.offsetCommit(commit).then(() => true, () => false));
  });
}

async function metadataOf(brokers: string, topic: string, groupId: string): Promise<string | null> {
  const [{ partitions }] = await admin(brokers, (kafka) => kafka.fetchOffsets({ groupId, topics: [topic] }));
  return partitions[0]!.metadata;
}

/** Where a group begins with this position. */
async function beginning(brokers: string, topic: string, metadata: string | null): Promise<string> {
  const broker = open(brokers);
  const group = kit.unique("group");
  try {
    await commitThree(brokers, topic, group, metadata);
    const seen = (await broker.committed(topic, group)).get(0);
    const reader = await kit.join(broker, topic, group);
    const [first] = kit.values((await kit.nextBatch(reader)).messages);
    return `${seen} is seen, ${first} comes first`;
  } finally {
    await broker.close();
  }
}

serviceTest("a position that names another topic is not used, and any other is", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  await broker.publish(topic, kit.numbered(5));
  const id = await asking(brokers, topic, (cluster) => topicIdOf(cluster, topic));
  assert.match(id!, /^[\w-]{22}$/);
  const another = "AAAAAAAAAAAAAAAAAAAAAQ";
  assert.deepEqual(
    await Promise.all(
      [`topic-id=${another}`, `topic-id=${id}`, null, "", "kept by something else"].map((metadata) =>
        beginning(brokers, topic, metadata)
      ),
    ),
    ["undefined is seen, 0 comes first", ...Array(4).fill("3 is seen, 3 comes first")],
  );
  await broker.close();
});

serviceTest("what is committed names the topic by the id that Kafka's tools show", async ({ brokers }) => {
  const broker = open(brokers);
  const topic = await kit.newTopic(broker);
  const group = kit.unique("group");
  await broker.publish(topic, kit.numbered(5));
  const reader = await kit.join(broker, topic, group);
  await kit.drain(reader, 5);
  await reader.close();
  const id = await asking(brokers, topic, (cluster) => topicIdOf(cluster, topic));
  assert.equal(await metadataOf(brokers, topic, group), `topic-id=${id}`);
  await broker.close();
});

serviceTest(
  "a topic that was made again is told from the one before, and one that is gone is not",
  async ({ brokers }) => {
    const broker = open(brokers);
    const topic = await kit.newTopic(broker);
    await asking(brokers, topic, async (cluster) => {
      const identity = new TopicIdentity(cluster, topic);
      const before = await identity.now();
      await identity.check(before);
      await deleteTopic(brokers, topic);
      await identity.check(before);
      await broker.init([kit.spec(topic)], { dryRun: false });
      await assert.rejects(identity.check(before), TopicMadeAgain);
      await identity.check(await identity.now());
    });
    await broker.close();
  },
);

serviceTest(
  "a topic that was made again with more in it while a stream was frozen is read from its start, and said",
  ({ brokers }) =>
    withFolder(async (cwd) => {
      const rig = new Rig(cwd, kafkaEnds(brokers));
      await rig.init(2);
      await rig.ingest("before", 500);
      await using stream = rig.start("stream");
      await until(async () => await rig.committed() === 500, 30_000, () => stream.output);
      stream.signal("SIGSTOP");
      await deleteTopic(brokers, rig.env.KAFKA_TOPIC!);
      await rig.init(2);
      await rig.ingest("behind", 2_000);
      stream.signal("SIGCONT");
      await rig.rows(2_500, stream);
      await until(async () => await rig.committed() === 2_000, 30_000, () => stream.output);
      assert.equal(stream.output.match(/was made again/g)?.length, 1, stream.output);
      stream.signal("SIGTERM");
      assert.equal(await stream.ended, 0, stream.output);
      await rig.complete(new Set([...idsOf(500, "before"), ...idsOf(2_000, "behind")]));
    }),
);

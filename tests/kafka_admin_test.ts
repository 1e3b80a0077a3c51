/** What init makes on Kafka, and what it refuses. */
import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { openKafka } from "../src/broker/kafka.ts";
import { UserpipeError } from "../src/errors.ts";
import * as kit from "./contracts/broker_kit.ts";
import { serviceTest } from "./support/services.ts";

const open = (brokers: string) => openKafka({ brokers: brokers.split(","), clientId: "userpipe-admin" });
const theirs = (brokers: string) => new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });

serviceTest(
  "init says what it would make in Kafka's own words, and refuses more copies than there are brokers",
  async ({ brokers }) => {
    const broker = open(brokers);
    const name = kit.unique("topic");
    const spec = {
      name,
      partitions: 4,
      replication: 1,
      retentionMs: 604_800_000,
      retentionBytes: -1,
      maxMessageBytes: 2_000_000,
    };
    const [change] = await broker.init([spec], { dryRun: true });
    assert.equal(change.state, "would-make");
    assert.equal(change.detail, "4 partitions, replication 1, kept for 7 days");
    assert.equal(
      change.statement,
      `kafka-topics.sh --bootstrap-server ${brokers} --create --topic ${name} --partitions 4 --replication-factor 1 ` +
        "--config message.timestamp.type=CreateTime --config retention.ms=604800000 --config retention.bytes=-1 " +
        "--config max.message.bytes=2000000",
    );
    await assert.rejects(broker.init([{ ...spec, replication: 3 }], { dryRun: false }), (error) => {
      assert.ok(error instanceof UserpipeError);
      assert.equal(error.code, "broker-refused");
      assert.match(error.message, /3 copies of each partition: Kafka has 1 broker$/);
      assert.match(error.hint, /at most 1 with --replication$/);
      return true;
    });
    await broker.init([spec], { dryRun: false });
    const admin = theirs(brokers).admin();
    await admin.connect();
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name }] });
    await admin.disconnect();
    const config = new Map(resources[0].configEntries.map((entry) => [entry.configName, entry.configValue]));
    assert.equal(config.get("message.timestamp.type"), "CreateTime");
    assert.equal(config.get("retention.ms"), "604800000");
    assert.equal(config.get("max.message.bytes"), "2000000");
    const asked = { ...spec, partitions: 9, retentionMs: 86_400_000 };
    const [again] = await broker.init([asked], { dryRun: false });
    assert.deepEqual([again.state, again.detail], ["exists", "4 partitions, replication 1, kept for 7 days"]);
    assert.deepEqual(again.differences, [
      {
        of: "partitions",
        text: "4 partitions (asked for: 9 partitions)",
        hint: `kafka-topics.sh --bootstrap-server ${brokers} --alter --topic ${name} --partitions 9`,
      },
      {
        of: "retentionMs",
        text: "kept for 7 days (asked for: kept for 1 day)",
        hint: `kafka-configs.sh --bootstrap-server ${brokers} --alter --entity-type topics --entity-name ${name} ` +
          "--add-config retention.ms=86400000",
      },
    ]);
    const [fewer] = await broker.init([{ ...spec, partitions: 1 }], { dryRun: true });
    assert.match(fewer.differences![0].hint, /^Kafka takes no partitions away/);
    await assert.rejects(
      broker.init([{ ...spec, name: "a b" }], { dryRun: true }),
      /"a b" is not a name that a topic may have/,
    );
    await broker.close();
  },
);

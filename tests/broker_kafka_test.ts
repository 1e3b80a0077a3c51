/** The broker contract on a real Kafka. */
import { Kafka, logLevel } from "kafkajs";
import { openKafka } from "../src/broker/kafka.ts";
import { brokerContract, type Opened } from "./contracts/broker.ts";
import { services } from "./support/services.ts";

const found = await services();
const brokers = "missing" in found ? [] : found.brokers.split(",");

async function open(): Promise<Opened> {
  const clients = [openKafka({ brokers, clientId: "userpipe-contract" })];
  return {
    broker: clients[0],
    reopen: async () => {
      clients.push(openKafka({ brokers, clientId: "userpipe-contract-2" }));
      return clients.at(-1)!;
    },
    trim,
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

async function trim(topic: string, partition: number, before: bigint): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.fetchTopicOffsets(topic); // deleteTopicRecords knows only topics that were asked about.
  await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  await admin.disconnect();
}

brokerContract("Kafka", open, "missing" in found ? { ignore: found.missing } : {});

/** The broker contract for a Kafka, of whatever version. */
import { Kafka, logLevel } from "kafkajs";
import { openKafka } from "../../src/broker/kafka.ts";
import { brokerContract, type ContractOptions, type Opened } from "./broker.ts";

/** @param brokersOf asked when a test begins */
export function kafkaContract(name: string, brokersOf: () => string[], options: ContractOptions = {}): void {
  brokerContract(name, () => open(brokersOf()), options);
}

async function open(brokers: string[]): Promise<Opened> {
  const clients = [openKafka({ brokers, clientId: "userpipe-contract" })];
  return {
    broker: clients[0]!,
    reopen: async () => {
      clients.push(openKafka({ brokers, clientId: "userpipe-contract-2" }));
      return clients.at(-1)!;
    },
    trim: (topic, partition, before) => trim(brokers, topic, partition, before),
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

async function trim(brokers: string[], topic: string, partition: number, before: bigint): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.fetchTopicOffsets(topic); // deleteTopicRecords knows only topics that were asked about.
  await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  await admin.disconnect();
}

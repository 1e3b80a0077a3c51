/** What an administrator does to topics beside the program. */
import { type Admin, Kafka, logLevel } from "kafkajs";
import { until } from "./cli.ts";

export async function admin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Resolves once Kafka has forgotten the topic. */
export function deleteTopic(brokers: string, topic: string): Promise<void> {
  return admin(brokers, async (kafka) => {
    await kafka.deleteTopics({ topics: [topic] });
    await until(async () => !(await kafka.listTopics()).includes(topic), 30_000, () => `"${topic}" stays`);
  });
}

/** Removes what lies below `before`, as retention does. */
export function removeBelow(brokers: string, topic: string, partition: number, before: number): Promise<void> {
  return admin(brokers, async (kafka) => {
    await kafka.fetchTopicOffsets(topic);
    await kafka.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  });
}

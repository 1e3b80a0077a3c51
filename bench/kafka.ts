/** The Kafka that is read from, as the benchmark sees it beside the program: records sent, positions, the keys of a topic. */
import { type Admin, type Consumer, Kafka, logLevel, Partitioners, type Producer } from "kafkajs";
import process from "node:process";

// kafkajs asks for timers in the past, and Deno would say so in the middle of the figures.
process.removeAllListeners("warning");

const BROKER_RESOURCE = 4;

/** What is read of one partition. */
interface Range {
  partition: number;
  from: number;
  to: number;
}

export class Source implements AsyncDisposable {
  readonly #kafka: Kafka;
  /** Topics made, to be removed. */
  readonly #topics = new Set<string>();

  constructor(brokers: string) {
    this.#kafka = new Kafka({ brokers: brokers.split(","), clientId: "userpipe-bench", logLevel: logLevel.NOTHING });
  }

  /** How long the group waits for more members, in ms. */
  rebalanceDelayMs(): Promise<number> {
    return this.#admin(async (admin) => {
      const name = String((await admin.describeCluster()).brokers[0]!.nodeId);
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: BROKER_RESOURCE, name, configNames: ["group.initial.rebalance.delay.ms"] }],
      });
      return Number(resources[0]!.configEntries[0]!.configValue);
    });
  }

  /** Has a topic and its dead letters removed at the end. */
  made(topic: string): void {
    this.#topics.add(topic).add(`${topic}.dlq`);
  }

  /** Removes a topic and its dead letters now, where they were made here. */
  remove(...topics: string[]): Promise<void> {
    return this.#admin(async (admin) => {
      const there = await admin.listTopics();
      const names = topics.flatMap((topic) => [topic, `${topic}.dlq`]).filter((name) => this.#topics.delete(name));
      await admin.deleteTopics({ topics: names.filter((name) => there.includes(name)) });
    });
  }

  /** How many records the topic has. */
  size(topic: string): Promise<number> {
    return this.#admin(async (admin) => {
      const ranges = await admin.fetchTopicOffsets(topic);
      return ranges.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
    });
  }

  /** Where the group stands, by partition. */
  committed(topic: string, group: string): Promise<Map<number, number>> {
    return this.#admin(async (admin) => {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      return new Map(found!.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
    });
  }

  /** Connected; to be disconnected by who asked for it. */
  async producer(): Promise<Producer> {
    const producer = this.#kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    return producer;
  }

  /** The keys of each partition, in order; with `last` only those of the last so many records. */
  async keys(topic: string, last = Infinity): Promise<Map<number, string[]>> {
    const ends = await this.#admin((admin) => admin.fetchTopicOffsets(topic));
    const ranges = ends
      .map(({ partition, low, high }) => ({ partition, from: Math.max(Number(low), Number(high) - last), to: +high }))
      .filter(({ from, to }) => to > from);
    const consumer = this.#kafka.consumer({ groupId: `${topic}_keys_${crypto.randomUUID()}` });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      return ranges.length === 0 ? new Map() : await read(consumer, topic, ranges);
    } finally {
      await consumer.disconnect();
    }
  }

  /** Connected only for what is asked: kafkajs wakes an idle connection a thousand times a second. */
  async #admin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove(...this.#topics);
  }
}

function read(consumer: Consumer, topic: string, ranges: readonly Range[]): Promise<Map<number, string[]>> {
  const keys = new Map(ranges.map(({ partition }) => [partition, [] as string[]]));
  const left = new Map(ranges.map((range) => [range.partition, range]));
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch: { partition, messages } }) => {
        for (const { key, offset } of messages) {
          const range = left.get(partition);
          if (range === undefined || Number(offset) < range.from) continue;
          keys.get(partition)!.push(key!.toString());
          if (Number(offset) === range.to - 1) left.delete(partition);
        }
        if (left.size === 0) resolve(keys);
      },
    }).catch(reject);
    for (const { partition, from } of ranges) consumer.seek({ topic, partition, offset: String(from) });
  });
}

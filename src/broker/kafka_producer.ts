/** Publishes to one topic of Kafka: numbered by the broker, durable on every replica in sync, in order. */
import type { Message as KafkaMessage, Producer } from "kafkajs";
import { UserpipeError } from "../errors.ts";
import type { Message } from "./broker.ts";
import { type Compression, numberOf } from "./kafka_codecs.ts";
import { type About, recordTooLarge, translate, typeOf } from "./kafka_errors.ts";
import { type ClusterOptions, destroy, newCluster, newProducer } from "./kafka_internals.ts";
import { explained } from "./kafka_reach.ts";
import type { KafkaCluster } from "./kafka_types.ts";
import { OutgoingMessage } from "./kafka_produce_request.ts";

export interface ProducerOptions {
  cluster: ClusterOptions;
  compression: Compression;
}

/** Bytes of one request. A topic takes batches of 1 MiB unless it says otherwise, and a request is at most one each. */
const REQUEST_BYTES = 1_000_000;
/** Kafka hangs up on a request over 100 MiB (`socket.request.max.bytes`) without a word. */
const MAX_REQUEST_BYTES = 100 * 1024 * 1024 - REQUEST_BYTES;
const ACKS_ALL = -1;
/** How often a producer is replaced for one request, before it counts as an error. */
const REPLACEMENTS = 2;

/** Errors that one producer is told for ever, and another is not. */
const OF_THE_PRODUCER = new Set(["OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID", "INVALID_PRODUCER_EPOCH"]);
const TOO_LARGE = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

export class TopicProducer {
  readonly #options: ProducerOptions;
  readonly #about: About & { topic: string };
  #open: { cluster: KafkaCluster; producer: Producer } | null = null;
  #requestBytes = REQUEST_BYTES;
  #tail: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(topic: string, options: ProducerOptions) {
    this.#options = options;
    this.#about = { topic, brokers: options.cluster.brokers.join(", ") };
  }

  /** I2. One call after the other: messages of one key keep their order. @throws {UserpipeError} */
  publish(messages: readonly Message[]): Promise<void> {
    const done = this.#tail.then(() => this.#publish(messages));
    this.#tail = done.catch(() => {});
    return done;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    this.#replace();
  }

  async #publish(messages: readonly Message[]): Promise<void> {
    const all = messages.map((message) => new OutgoingMessage(message));
    for (let sent = 0; sent < all.length;) {
      const request = this.#cut(all, sent);
      if (await this.#send(request)) sent += request.length;
    }
  }

  /** As many messages from `start` on as one request takes; a larger one goes alone, so that it is refused alone. */
  #cut(all: readonly OutgoingMessage[], start: number): readonly OutgoingMessage[] {
    let end = start + 1;
    for (let bytes = all[start].maxBytes; end < all.length; end++) {
      bytes += all[end].maxBytes;
      if (bytes > this.#requestBytes) break;
    }
    return all.slice(start, end);
  }

  /** @returns false where the topic takes only smaller requests than this one */
  async #send(request: readonly OutgoingMessage[]): Promise<boolean> {
    const [first] = request;
    if (first.maxBytes > MAX_REQUEST_BYTES) throw recordTooLarge(this.#about, sizeOf(first), undefined);
    for (let replaced = 0;; replaced++) {
      try {
        const producer = await this.#producer();
        await producer.send({
          topic: this.#about.topic,
          // kafkajs takes its own kind of message; what writes these takes ours.
          messages: request as unknown as KafkaMessage[],
          acks: ACKS_ALL,
          compression: numberOf(this.#options.compression),
        });
        return true;
      } catch (error) {
        // I2: kafkajs gives the numbers of a request that failed to the next one. If Kafka has it after all, it
        // would take the next one for a repetition and drop it; another producer has numbers of its own.
        this.#replace();
        const type = typeOf(error) ?? "";
        if (OF_THE_PRODUCER.has(type) && replaced < REPLACEMENTS) continue;
        if (!TOO_LARGE.has(type)) throw await explained(translate(error, this.#about), this.#options.cluster);
        if (request.length === 1) throw recordTooLarge(this.#about, sizeOf(first), error);
        this.#requestBytes = Math.ceil(request.reduce((bytes, each) => bytes + each.maxBytes, 0) / 2);
        return false;
      }
    }
  }

  async #producer(): Promise<Producer> {
    if (this.#closed) {
      throw new UserpipeError("broker-unreachable", "The connection to Kafka was closed", "Open it again");
    }
    if (this.#open === null) {
      const cluster = newCluster(this.#options.cluster, 1);
      this.#open = { cluster, producer: newProducer(cluster, this.#options.cluster) };
      await this.#open.producer.connect();
    }
    return this.#open.producer;
  }

  #replace(): void {
    if (this.#open !== null) destroy(this.#open.cluster);
    this.#open = null;
  }
}

/** What a person would call the size of a record. */
function sizeOf({ key, value, headers }: OutgoingMessage): number {
  const sizes = Object.values(headers).map((header) => header.length);
  return sizes.reduce((sum, size) => sum + size, (key?.length ?? 0) + (value?.length ?? 0));
}

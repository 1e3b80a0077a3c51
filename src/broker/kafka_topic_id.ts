/**
 * The id that Kafka gives a topic when it is made (2.8 and later): by it a topic that was deleted and made again under
 * its name is told from the one before. kafkajs's Metadata request has no ids, so it is written here (version 10).
 */
import { Buffer } from "node:buffer";
import type { KafkaCluster } from "./kafka_types.ts";

const API_KEY = 3;
const API_VERSION = 10;
const ID_BYTES = 16;

/** Asks for the topic's id, in the form of Kafka's own tools; undefined where Kafka gives none or has no such topic. */
export async function topicIdOf(cluster: KafkaCluster, topic: string): Promise<string | undefined> {
  const node = await cluster.brokerPool.findConnectedBroker();
  if ((node.versions?.[API_KEY]?.maxVersion ?? 0) < API_VERSION) return undefined;
  const buf = encodeRequest(topic);
  return await node.connectionPool.send({
    request: {
      apiKey: API_KEY,
      apiVersion: API_VERSION,
      apiName: "Metadata",
      encode: () => Promise.resolve({ buf, buffer: buf }),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeResponse(payload)),
      parse: (decoded) => Promise.resolve(decoded.id),
    },
  });
}

/** https://kafka.apache.org/protocol#The_Messages_Metadata, request version 10, with the end of its header. */
export function encodeRequest(topic: string): Buffer {
  const name = Buffer.from(topic);
  const noTags = [0];
  return Buffer.from([
    ...noTags,
    ...[2, ...new Uint8Array(ID_BYTES), ...uvarint(name.length + 1), ...name, ...noTags], // One topic, by its name.
    0, // It is not to be made.
    0, // No rights in the cluster.
    0, // No rights in the topic.
    ...noTags,
  ]);
}

function uvarint(value: number): number[] {
  return value < 0x80 ? [value] : [value % 0x80 | 0x80, ...uvarint(Math.floor(value / 0x80))];
}

/** Response version 10, with the end of its header and up to the first topic's id. */
export function decodeResponse(payload: Uint8Array): { clientSideThrottleTime: number; id: string | undefined } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  let at = 0;
  const uvarint = () => {
    let value = 0;
    for (let shift = 1;; shift *= 0x80) {
      const byte = view.getUint8(at++);
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  /** A compact string or array has its length and one; none at all is 0. */
  const length = () => Math.max(0, uvarint() - 1);
  const skip = (bytes: number) => at += bytes;
  const skipString = () => skip(length());
  const skipTags = () => {
    for (let left = uvarint(); left > 0; left--) {
      uvarint();
      skip(uvarint());
    }
  };

  skipTags();
  const clientSideThrottleTime = view.getInt32((at += 4) - 4);
  for (let brokers = length(); brokers > 0; brokers--) {
    skip(4); // Its number.
    skipString();
    skip(4); // Its port.
    skipString();
    skipTags();
  }
  skipString(); // The cluster.
  skip(4); // The controller.
  if (length() === 0) return { clientSideThrottleTime, id: undefined };
  const errorCode = view.getInt16((at += 2) - 2);
  skipString();
  const id = payload.subarray(at, at + ID_BYTES);
  const given = errorCode === 0 && id.some((byte) => byte !== 0);
  return { clientSideThrottleTime, id: given ? Buffer.from(id).toString("base64url") : undefined };
}

const PREFIX = "topic-id=";

/** What a commit says of the topic that it is for. */
export const commitMetadata = (topicId: string | undefined): string | null =>
  topicId === undefined ? null : `${PREFIX}${topicId}`;

/** Whether a commit names another topic than that of `topicId`. Those of other programs name none, and are trusted. */
export function isOfAnother(metadata: string | null, topicId: string | undefined): boolean {
  return topicId !== undefined && metadata !== null && metadata.startsWith(PREFIX) &&
    metadata !== commitMetadata(topicId);
}

/** The topic that a member reads was deleted and made again: nothing that it knows of it holds any more. */
export class TopicMadeAgain extends Error {}

/** Which topic it is that goes by a name. */
export class TopicIdentity {
  readonly #cluster: KafkaCluster;
  readonly #topic: string;
  #id: string | undefined;
  /** A broker that lags behind may still give the id of before. */
  #former = new Set<string>();

  constructor(cluster: KafkaCluster, topic: string) {
    this.#cluster = cluster;
    this.#topic = topic;
  }

  /** Its id, as far as Kafka gives one. */
  async now(): Promise<string | undefined> {
    const id = await topicIdOf(this.#cluster, this.#topic);
    if (id === undefined || id === this.#id || this.#former.has(id)) return this.#id;
    if (this.#id !== undefined) this.#former.add(this.#id);
    return this.#id = id;
  }

  /** @throws {TopicMadeAgain} where it is not that of `topicId` */
  async check(topicId: string | undefined): Promise<void> {
    if (topicId !== undefined && await this.now() !== topicId) throw new TopicMadeAgain();
  }
}

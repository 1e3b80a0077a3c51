/** Publishing of a page: in order, with a message that is too large for the topic found and left out by itself. */
import type { Broker, Message } from "../broker/broker.ts";
import { UserpipeError } from "../errors.ts";

/** Where a publish went. Either way it is durable when it returns (I2). */
export type Delivery = "broker" | "outbox";

/** What ingest publishes through: the broker itself, or the outbox in front of it. */
export interface Publisher {
  /** @throws {UserpipeError} as the broker's `publish` */
  publish(topic: string, messages: readonly Message[]): Promise<Delivery>;
}

/** Publishes to the broker, and fails where it is away. */
export function directly(broker: Broker): Publisher {
  return {
    publish: async (topic, messages) => {
      await broker.publish(topic, messages);
      return "broker";
    },
  };
}

export interface Published {
  /** Messages that went to the broker, and to the outbox. */
  broker: number;
  outbox: number;
  /** Those that the topic does not take, by index. */
  tooLarge: { index: number; reason: string }[];
}

/**
 * Publishes in order. I3: a message that is too large for the topic is found by halving and left out, so that it
 * does not hold up the others.
 * @throws {UserpipeError} all else that the publisher throws
 */
export async function publishAll(
  publisher: Publisher,
  topic: string,
  messages: readonly Message[],
  first = 0,
): Promise<Published> {
  const published: Published = { broker: 0, outbox: 0, tooLarge: [] };
  if (messages.length === 0) return published;
  try {
    published[await publisher.publish(topic, messages)] = messages.length;
    return published;
  } catch (error) {
    if (!(error instanceof UserpipeError) || error.code !== "record-too-large") throw error;
    if (messages.length === 1) return { ...published, tooLarge: [{ index: first, reason: error.message }] };
    const half = messages.length >> 1;
    const before = await publishAll(publisher, topic, messages.slice(0, half), first);
    const after = await publishAll(publisher, topic, messages.slice(half), first + half);
    return {
      broker: before.broker + after.broker,
      outbox: before.outbox + after.outbox,
      tooLarge: [...before.tooLarge, ...after.tooLarge],
    };
  }
}

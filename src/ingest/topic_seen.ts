/**
 * Whether a run may fetch: a topic or a schema that is not there is no reason to; a broker that is away is what the outbox is
 * for.
 */
import type { Broker } from "../broker/broker.ts";
import { isTransient } from "../errors.ts";
import type { Schemas } from "../stream/schemas.ts";

/** For so long a topic that was there is not asked for again: a run whose time has come need not wait for it. */
const SEEN_MS = 30_000;

const seen = new WeakMap<Broker, { topic: string; deadLetterTopic: string; at: number }>();

interface Topics {
  broker: Broker;
  topic: string;
  deadLetterTopic: string;
  schemas?: Schemas;
}

/** @throws {UserpipeError} as the broker's `partitions`, but where it is away, and as the registry's `id` */
export async function mayFetch({ broker, topic, deadLetterTopic, schemas }: Topics): Promise<void> {
  await schemas?.prefix();
  const last = seen.get(broker);
  const same = last?.topic === topic && last.deadLetterTopic === deadLetterTopic;
  if (same && performance.now() - last.at < SEEN_MS) return;
  try {
    await broker.partitions(topic);
    // I3: what is refused behind records that are published would have nowhere to go.
    await broker.partitions(deadLetterTopic);
    seen.set(broker, { topic, deadLetterTopic, at: performance.now() });
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
}

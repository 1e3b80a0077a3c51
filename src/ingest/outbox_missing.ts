/** Which topics of those that the outbox waits for the broker does not have: for all that tells people so. */
import { sleep } from "../backoff.ts";
import type { Broker } from "../broker/broker.ts";
import { UserpipeError } from "../errors.ts";
import type { Waiting } from "./outbox_logs.ts";

/** How long the broker is asked for its topics. One that is away says nothing of them. */
const ASK_MS = 2_000;

/** The same, with the topics marked that the broker does not have. */
export async function withMissing(waiting: Waiting, broker: Broker): Promise<Waiting> {
  if (waiting.topics.length === 0) return waiting;
  const over = new AbortController();
  const late = sleep(ASK_MS, over.signal).then(() => false);
  const topics = await Promise.all(waiting.topics.map(async (each) => {
    return await Promise.race([isMissing(broker, each.topic), late]) ? { ...each, missing: true as const } : each;
  }));
  over.abort();
  return { ...waiting, topics };
}

async function isMissing(broker: Broker, topic: string): Promise<boolean> {
  try {
    await broker.partitions(topic);
    return false;
  } catch (error) {
    if (error instanceof UserpipeError) return error.code === "topic-missing";
    throw error;
  }
}

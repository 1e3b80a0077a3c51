/** Whether a run may fetch: a topic that is not there is no reason to; a broker that is away is what the outbox is for. */
import type { Broker } from "../broker/broker.ts";
import { isTransient } from "../errors.ts";

/** For so long a topic that was there is not asked for again: a run whose time has come need not wait for it. */
const SEEN_MS = 30_000;

const seen = new WeakMap<Broker, { topic: string; at: number }>();

/** @throws {UserpipeError} as the broker's `partitions`, but where it is away */
export async function mayFetch({ broker, topic }: { broker: Broker; topic: string }): Promise<void> {
  const last = seen.get(broker);
  if (last?.topic === topic && performance.now() - last.at < SEEN_MS) return;
  try {
    await broker.partitions(topic);
    seen.set(broker, { topic, at: performance.now() });
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
}

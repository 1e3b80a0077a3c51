/**
 * How a stream begins: both ends are looked at and the group is joined. An end that is away is waited for, aloud, where the
 * stream has no end of its own; who waits for its end hears at once of an end that does not answer.
 */
import type { Broker, PartitionRange, SubscribeOptions, Subscription } from "../broker/broker.ts";
import type { Check } from "../errors.ts";
import type { Registry } from "../registry/registry.ts";
import type { Store } from "../store/store.ts";
import type { Outage } from "./outage.ts";
import { whenReached } from "./reach.ts";

export interface BeginOptions {
  broker: Broker;
  store: Store;
  registry?: Registry;
  deadLetterTopic: string;
  subscribe: SubscribeOptions;
  /** Whether the stream ends by itself. */
  bounded: boolean;
  /** Gives up the waiting. */
  stop: AbortSignal;
  /** Told whenever an end was tried in vain. */
  onAway: (outage: Outage) => void;
  /** Called with what the topic holds before the group is joined. */
  onPartitions: (partitions: readonly PartitionRange[]) => Promise<void>;
}

/**
 * The subscription, once both ends are there; undefined where it was stopped before.
 * @throws {UserpipeError} what waiting cannot cure; where the stream is bounded also what it can
 */
export async function beginStream(options: BeginOptions): Promise<Subscription | undefined> {
  const { broker, store, registry, deadLetterTopic, subscribe, bounded, stop, onAway, onPartitions } = options;
  const reach = <T>(end: { readonly name: string }, work: () => Promise<T>): Promise<T | undefined> =>
    bounded ? work() : whenReached(end, work, { stop, onAway });
  const partitions = await reach(broker, async () => {
    const partitions = await broker.partitions(subscribe.topic);
    await broker.partitions(deadLetterTopic);
    return partitions;
  });
  if (partitions === undefined) return undefined;
  const checked = await reach(store, () => checkStore(store));
  if (checked === undefined) return undefined;
  if (registry !== undefined) await reach(registry, () => registry.reach());
  await onPartitions(partitions);
  return await reach(broker, () => broker.subscribe(subscribe));
}

async function checkStore(store: Store): Promise<Check> {
  const checked = await store.check();
  if (!checked.ok) throw checked.error;
  return checked;
}

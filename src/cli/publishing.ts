/** What ingest publishes through: the embedded broker itself, or the outbox in front of a Kafka. */
import type { Broker } from "../broker/broker.ts";
import { Outbox } from "../ingest/outbox.ts";
import { directly, type Publisher } from "../ingest/publish.ts";
import { namesOf, openSpool } from "../open.ts";
import type { Settings } from "../settings.ts";
import { during, withBroker } from "./ends.ts";

export interface Publishing {
  broker: Broker;
  publisher: Publisher;
  /** Where the broker is a Kafka. */
  outbox?: Outbox;
}

/** Opens the broker, and the outbox in front of it, for as long as `work` takes. */
export async function withPublishing<T>(settings: Settings, work: (publishing: Publishing) => Promise<T>): Promise<T> {
  return await withBroker(settings, async (broker) => {
    const spool = await openSpool(settings);
    if (spool === undefined) return await work({ broker, publisher: directly(broker) });
    return await during(spool, (spool) => {
      const { deadLetterTopic } = namesOf(settings);
      const outbox = new Outbox({ spool, broker, deadLetterTopic, maxBytes: settings.outboxMaxBytes });
      return work({ broker, publisher: outbox, outbox });
    });
  });
}

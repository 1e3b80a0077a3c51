/** What ingest and replay publish through: the embedded broker itself, or the outbox in front of a Kafka. */
import type { Broker, Spool } from "../broker/broker.ts";
import type { Runs } from "../runs/runs.ts";
import { markForwarded } from "./forwarded.ts";
import { Outbox } from "./outbox.ts";
import { directly, type Publisher } from "./publish.ts";

export interface Publishing {
  broker: Broker;
  publisher: Publisher;
  /** Where the broker is a Kafka. */
  outbox?: Outbox;
}

export interface PublishingOptions {
  broker: Broker;
  /** What the outbox is kept in; the embedded broker needs none. */
  spool: Spool | undefined;
  deadLetterTopic: string;
  /** What the outbox keeps at the most. */
  maxBytes: number;
  /** Where runs are marked as delivered whose records were forwarded; opened when it is needed. */
  record: () => Promise<Runs>;
}

export function publishThrough({ broker, spool, deadLetterTopic, maxBytes, record }: PublishingOptions): Publishing {
  if (spool === undefined) return { broker, publisher: directly(broker) };
  const outbox = new Outbox({ spool, broker, deadLetterTopic, maxBytes, onEmpty: markForwarded(record) });
  return { broker, publisher: outbox, outbox };
}

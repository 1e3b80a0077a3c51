/** What ingest and replay publish through: the embedded broker itself, or the outbox in front of a Kafka. */
import type { Broker, Spool } from "../broker/broker.ts";
import type { Runs } from "../runs/runs.ts";
import { markForwarded } from "./forwarded.ts";
import { Outbox } from "./outbox.ts";
import type { Registry } from "../registry/registry.ts";
import { Schemas } from "../stream/schemas.ts";
import { directly, type Publisher } from "./publish.ts";

export interface Publishing {
  broker: Broker;
  publisher: Publisher;
  /** Where the broker is a Kafka. */
  outbox?: Outbox;
  /** Where a schema registry is named. */
  schemas?: Schemas;
}

export interface PublishingOptions {
  broker: Broker;
  /** What the outbox is kept in; the embedded broker needs none. */
  spool: Spool | undefined;
  deadLetterTopic: string;
  registry: Registry | undefined;
  /** What the outbox keeps at the most. */
  maxBytes: number;
  /** Where runs are marked as delivered whose records were forwarded; opened when it is needed. */
  record: () => Promise<Runs>;
}

export function publishThrough(
  { broker, spool, deadLetterTopic, registry, maxBytes, record }: PublishingOptions,
): Publishing {
  const schemas = registry && new Schemas(registry);
  if (spool === undefined) return { broker, publisher: directly(broker), schemas };
  const outbox = new Outbox({ spool, broker, deadLetterTopic, maxBytes, onEmpty: markForwarded(record) });
  return { broker, publisher: outbox, outbox, schemas };
}

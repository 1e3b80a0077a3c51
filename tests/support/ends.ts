/** The ends that a test's commands use, as the environment names them. */
import { uniqueName } from "./services.ts";

export type Ends = Record<string, string>;

/** A topic and a group of their own on a real Kafka. */
export function kafkaEnds(brokers: string): Ends {
  return { KAFKA_BROKERS: brokers, KAFKA_TOPIC: uniqueName("users"), KAFKA_GROUP: uniqueName("group") };
}

/** A keyspace of its own on a real Cassandra. */
export function cassandraEnds(contactPoints: string): Ends {
  return { CASSANDRA_CONTACT_POINTS: contactPoints, CASSANDRA_KEYSPACE: uniqueName("users") };
}

/** Where the Kafka and the Cassandra are that the benchmark runs against; it starts none. */
import { Failure } from "./failure.ts";
import { cassandraAnswers, kafkaAnswers } from "../tools/services/ports.ts";
import { endpointOf, type Service } from "../tools/services/service.ts";
import { running } from "../tools/services/set.ts";
import { DEFAULT_DIR } from "../tools/services/where.ts";

export interface Where {
  brokers: string;
  contactPoints: string;
  /** The file that Cassandra logs to, where it is known. */
  cassandraLog?: string;
}

/**
 * What the flags name, else the environment, else what `deno task services up` has up, else the standard ports.
 * @throws {Failure} where nothing answers there
 */
export async function where(flags: { brokers?: string; contactPoints?: string }): Promise<Where> {
  const up = await running(DEFAULT_DIR);
  const of = (name: Service["name"]) => up.find((service) => service.name === name);
  const endpoint = (name: Service["name"], flag: string | undefined, variable: string, standard: string) => {
    const service = of(name);
    return flag ?? (Deno.env.get(variable) || (service === undefined ? standard : endpointOf(service)));
  };
  const brokers = endpoint("kafka", flags.brokers, "KAFKA_BROKERS", "127.0.0.1:9092");
  const contactPoints = endpoint("cassandra", flags.contactPoints, "CASSANDRA_CONTACT_POINTS", "127.0.0.1:9042");
  await mustAnswer("Kafka", brokers, 9092, kafkaAnswers);
  await mustAnswer("Cassandra", contactPoints, 9042, cassandraAnswers);
  const started = of("cassandra");
  const known = started?.engine === "java" && endpointOf(started) === contactPoints;
  return { brokers, contactPoints, cassandraLog: known ? started.log : undefined };
}

async function mustAnswer(
  name: string,
  endpoints: string,
  standard: number,
  answers: (address: string, port: number) => Promise<boolean>,
): Promise<void> {
  const [address, port = standard] = endpoints.split(",")[0]!.split(":") as [string, string?];
  if (await answers(address, Number(port))) return;
  throw new Failure(
    `No ${name} answers at ${endpoints}: start one with "deno task services up", or name it with its flag or variable`,
  );
}

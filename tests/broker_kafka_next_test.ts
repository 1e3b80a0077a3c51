/** The broker contract on the next Kafka, which knows no request older than its minimum: a client must ask for newer ones. */
import { NEXT_KAFKA_VERSION } from "../tools/services/where.ts";
import { kafkaContract } from "./contracts/broker_of_kafka.ts";
import { cannotStart, ownKafka, type OwnService } from "./support/own_services.ts";

const missing = await cannotStart();
const ignore = Deno.env.get("CI") === "true" ? undefined : missing;

if (ignore === undefined) {
  let folder: string;
  let kafka: OwnService;

  Deno.test.beforeAll(async () => {
    folder = await Deno.makeTempDir({ prefix: "userpipe-kafka-" });
    kafka = await ownKafka(folder, {}, NEXT_KAFKA_VERSION);
  });
  Deno.test.afterAll(async () => {
    await kafka[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  });
  kafkaContract(`Kafka ${NEXT_KAFKA_VERSION}`, () => [kafka.endpoint]);
} else {
  kafkaContract(`Kafka ${NEXT_KAFKA_VERSION}`, () => [], { ignore });
}

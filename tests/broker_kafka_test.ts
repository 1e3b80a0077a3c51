/** The broker contract on a real Kafka. */
import { kafkaContract } from "./contracts/broker_of_kafka.ts";
import { services } from "./support/services.ts";

const found = await services();
const brokers = "missing" in found ? [] : found.brokers.split(",");

kafkaContract("Kafka", () => brokers, "missing" in found ? { ignore: found.missing } : {});

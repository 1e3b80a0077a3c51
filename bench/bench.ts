/**
 * The figures: how fast records go into the topic and from there into the table, on the embedded ends and on the
 * Kafka and the Cassandra that are up. Prints them; fails only where a run does not finish or a row is missing.
 */
import cassandra from "cassandra-driver";
import { Kafka, logLevel } from "kafkajs";
import { parseArgs } from "node:util";
// kafkajs without its idle wake-ups and their warning.
import "../src/broker/kafka_internals.ts";
import { endpointOf } from "../tools/services/service.ts";
import { running } from "../tools/services/set.ts";
import { DEFAULT_DIR } from "../tools/services/where.ts";
import { measure, type Measured } from "./measure.ts";

const { values } = parseArgs({
  options: {
    "records": { type: "string", default: "200000" },
    "brokers": { type: "string" },
    "contact-points": { type: "string" },
  },
});
const RECORDS = Number(values.records);

interface Case {
  name: string;
  /** Names the ends, in the environment. */
  env: Record<string, string>;
}

const unique = `bench_${crypto.randomUUID().slice(0, 8)}`;
const brokers = values.brokers ?? await startedHere("kafka");
const contactPoints = values["contact-points"] ?? await startedHere("cassandra");

/** Where what `deno task services up` started answers. */
async function startedHere(name: string): Promise<string> {
  const service = (await running(DEFAULT_DIR)).find((each) => each.name === name);
  if (service !== undefined) return endpointOf(service);
  throw new Error(`No ${name} is up: start one with "deno task services up", or name --brokers and --contact-points`);
}

const CASES: Case[] = [
  { name: "embedded to embedded", env: {} },
  {
    name: "Kafka to Cassandra",
    env: {
      KAFKA_BROKERS: brokers,
      KAFKA_TOPIC: unique,
      KAFKA_GROUP: unique,
      CASSANDRA_CONTACT_POINTS: contactPoints,
      CASSANDRA_KEYSPACE: unique,
    },
  },
];

/** The way from an empty topic to the last row. @throws where a row is missing */
async function run({ env }: Case, folder: string): Promise<{ ingest: Measured; stream: Measured }> {
  await measure(["init"], folder, env);
  const ingest = await measure(["ingest", "--generate", String(RECORDS)], folder, env);
  const stream = await measure(["stream", "--until-caught-up"], folder, env);
  const { output } = await measure(["query", "count", "--format", "ndjson"], folder, env);
  const { count } = JSON.parse(output);
  if (count !== RECORDS) throw new Error(`${RECORDS} records went in and ${count} rows came out`);
  return { ingest, stream };
}

/** Takes away what the run left on the services. */
async function cleanUp(): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [unique, `${unique}.dlq`] });
  await admin.disconnect();
  const client = new cassandra.Client({ contactPoints: contactPoints.split(","), localDataCenter: "datacenter1" });
  await client.execute(`DROP KEYSPACE IF EXISTS ${unique}`);
  await client.shutdown();
}

function line(name: string, { ms, cpuMs, peakMb }: Measured): string {
  const rate = Math.round(RECORDS / (ms / 1000)).toLocaleString("en-US");
  const cpu = cpuMs === undefined ? "" : `${(cpuMs / 1000).toFixed(2)} s`;
  const peak = peakMb === undefined ? "" : `${peakMb.toFixed(0)} MB`;
  return `${name.padEnd(34)} ${`${(ms / 1000).toFixed(2)} s`.padStart(9)} ${rate.padStart(11)} ${cpu.padStart(9)} ${
    peak.padStart(8)
  }`;
}

console.log(`${RECORDS.toLocaleString("en-US")} records, launch to end of the process\n`);
console.log(
  `${"".padEnd(34)} ${"time".padStart(9)} ${"records/s".padStart(11)} ${"CPU".padStart(9)} ${"peak".padStart(8)}`,
);
for (const each of CASES) {
  const folder = await Deno.makeTempDir({ prefix: "userpipe-bench-" });
  try {
    const { ingest, stream } = await run(each, folder);
    console.log(line(`${each.name}: ingest`, ingest));
    console.log(line(`${each.name}: stream`, stream));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
await cleanUp();

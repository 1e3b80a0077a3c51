/**
 * Kafka and Cassandra that let nobody in without TLS, a client's certificate and a login: the contracts over such connections, what
 * is said where they fail, and the commands with the least rights that each needs. Both are started once for all of it.
 */
import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { openKafka } from "../src/broker/kafka.ts";
import { openCassandra } from "../src/store/cassandra.ts";
import { brokerContract, type Opened } from "./contracts/broker.ts";
import { message, newTopic, readAll, values } from "./contracts/broker_kit.ts";
import { storeContract } from "./contracts/store.ts";
import { COLUMNS } from "./contracts/store_fixture.ts";
import { leastRights } from "./secure/least_rights.ts";
import { refusals } from "./secure/refusals.ts";
import { cannotStart } from "./support/own_services.ts";
import { sized } from "./support/size.ts";
import {
  BOSS,
  PLAIN_PASSWORD,
  type SecureKafka,
  type SecureServices,
  secureServices,
  TLS,
} from "./support/secure_services.ts";

const missing = Deno.env.get("CI") === "true" ? undefined : await cannotStart();
let started: Awaited<ReturnType<typeof secureServices>> | undefined;

function services(): SecureServices {
  assert.ok(started !== undefined, "Kafka and Cassandra were not started");
  return started;
}

Deno.test.beforeAll(async () => {
  if (missing === undefined) started = await secureServices();
});

Deno.test.afterAll(async () => await started?.[Symbol.asyncDispose]());

const SCRAM = { ...BOSS, mechanism: "SCRAM-SHA-512" };

async function openSecureKafka(): Promise<Opened> {
  const { kafka } = services();
  const open = (clientId: string) => openKafka({ brokers: [kafka.scram], clientId, tls: TLS, sasl: SCRAM });
  const clients = [open("userpipe-contract")];
  return {
    broker: clients[0]!,
    reopen: async () => {
      clients.push(open("userpipe-contract-2"));
      return clients.at(-1)!;
    },
    trim: async (topic, partition, before) => {
      const admin = new Kafka({ brokers: [kafka.plain], logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      await admin.fetchTopicOffsets(topic); // deleteTopicRecords knows only topics that were asked about.
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
      await admin.disconnect();
    },
    close: async () => void await Promise.all(clients.map((client) => client.close())),
  };
}

/** At the short size what differs by how bytes come and who may: all of it runs in plain. */
const BROKER =
  /makes a topic|byte by byte|larger messages|while it waits|10,000 messages|not acknowledged comes|two members/;
const STORE =
  /init makes|migrate adds|same row twice|lose nothing|larger than a batch|refuses is named|ten thousand rows/;

const options = (short: RegExp) => ({ ignore: missing, only: sized(short, undefined) });
brokerContract("Kafka by TLS, certificate and SCRAM", openSecureKafka, options(BROKER));

storeContract(
  "Cassandra by TLS, certificate and password",
  ({ table, ttlSeconds } = {}) => {
    const store = openCassandra({
      contactPoints: [services().cassandra.endpoint],
      consistency: "LOCAL_QUORUM",
      table: { keyspace: "userpipe_contract", name: "users", columns: COLUMNS, ...table },
      ttlSeconds,
      tls: TLS,
      login: BOSS,
    });
    return Promise.resolve({ store, close: () => store.close() });
  },
  options(STORE),
);

/** Registers a test of this file's services. */
function check(name: string, work: (given: SecureServices) => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn: () => work(services()),
  });
}

for (
  const [what, connection] of [
    ["SCRAM-SHA-256", ({ scram }) => ({ brokers: [scram], tls: TLS, sasl: { ...BOSS, mechanism: "SCRAM-SHA-256" } })],
    ["a certificate alone", ({ tls }) => ({ brokers: [tls], tls: TLS })],
    ["PLAIN, in plain", ({ login }) => ({
      brokers: [login],
      sasl: { mechanism: "PLAIN", username: "boss", password: PLAIN_PASSWORD },
    })],
  ] as [string, (kafka: SecureKafka) => Omit<Parameters<typeof openKafka>[0], "clientId">][]
) {
  check(`records go to Kafka and come back by ${what}`, async ({ kafka }) => {
    const broker = openKafka({ ...connection(kafka), clientId: "userpipe-test" });
    try {
      const topic = await newTopic(broker);
      await broker.publish(topic, [message("one"), message("two")]);
      assert.deepEqual(values(await readAll(broker, topic)), ["one", "two"]);
    } finally {
      await broker.close();
    }
  });
}

refusals(check);
leastRights(check);

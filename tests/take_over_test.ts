/** Taking over what the well-known tutorial for Airflow, Kafka, Spark and Cassandra left, by the README's lines. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import cassandra from "cassandra-driver";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { succeeds, withFolder } from "./support/cli.ts";
import { serviceTest, uniqueName } from "./support/services.ts";

/** As the tutorial's producer sends it: no key, no headers, and post codes as they come. */
function messageOf(n: number) {
  return {
    id: randomUUID(),
    first_name: `First ${n}`,
    last_name: `Last ${n}`,
    gender: n % 2 === 0 ? "female" : "male",
    address: `${n} High Street, Leeds, Kent, United Kingdom`,
    post_code: n % 2 === 0 ? 10_000 + n : `LS${n} 1AA`,
    email: `user${n}@example.com`,
    username: `user${n}`,
    dob: "1980-11-10T22:48:18.243Z",
    registered_date: "2012-08-02T01:50:11.774Z",
    phone: `01${n}`,
    picture: `https://randomuser.me/api/portraits/med/men/${n}.jpg`,
  };
}

/** The tutorial's table has no `dob`; a column of somebody's own was added. */
const COLUMNS = "first_name, last_name, gender, address, post_code, email, username, registered_date, phone, picture";

serviceTest("the tutorial's topic and table are gone on with, and what Spark wrote stays", async (services) => {
  const { brokers, contactPoints } = services;
  const [topic, keyspace] = [uniqueName("tutorial"), uniqueName("tutorial")];
  const messages = Array.from({ length: 20 }, (_, n) => messageOf(n));
  const client = new cassandra.Client({ contactPoints: [contactPoints], localDataCenter: "datacenter1" });
  try {
    await publish(brokers, topic, messages);
    await client.execute(
      `CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': '1'}`,
    );
    const columns = COLUMNS.split(", ").map((name) => `${name} TEXT`).join(", ");
    await client.execute(`CREATE TABLE ${keyspace}.created_users (id UUID PRIMARY KEY, ${columns}, note TEXT)`);
    const [written] = messages;
    await client.execute(
      `INSERT INTO ${keyspace}.created_users (id, first_name, note) VALUES (${written!.id}, 'Spark', 'theirs')`,
    );
    await withFolder(async (cwd) => {
      const env = {
        ...{ KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic },
        ...{ CASSANDRA_CONTACT_POINTS: contactPoints, CASSANDRA_KEYSPACE: keyspace },
      };
      const options = { cwd, env };
      assert.match(await succeeds(["init", "--migrate", "--dry-run"], options), /ADD .*dob/);
      await succeeds(["init", "--migrate"], options);
      assert.match(await succeeds(["stream", "--from", "earliest", "--until-caught-up"], options), /wrote 20 rows/);
      const verdict = JSON.parse(await succeeds(["verify"], options));
      assert.deepEqual([verdict.rows, verdict.missing, verdict.different, verdict.newer], [20, 0, 0, 1]);
    });
    const { rows } = await client.execute(`SELECT * FROM ${keyspace}.created_users`);
    const byId = new Map(rows.map((row) => [String(row.id), row]));
    for (const { id, post_code, ...rest } of messages.slice(1)) {
      const { post_code: stored, id: _, note, ...others } = byId.get(id)!;
      assert.deepEqual({ ...others }, rest);
      assert.deepEqual([stored, note], [String(post_code), null]);
    }
    const { first_name, note, dob } = byId.get(written!.id)!;
    assert.deepEqual([first_name, note, dob], ["Spark", "theirs", written!.dob]);
  } finally {
    await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`);
    await client.shutdown();
  }
});

async function publish(brokers: string, topic: string, messages: unknown[]): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
  const [admin, producer] = [
    kafka.admin(),
    kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false }),
  ];
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  await producer.send({ topic, messages: messages.map((message) => ({ value: JSON.stringify(message) })) });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
}

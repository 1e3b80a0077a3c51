/** What `doctor` says of a Kafka: each trap made for real, but for the copies that take a second broker. */
import assert from "node:assert/strict";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from "kafkajs";
import { type Ask, type CheckedNode, diagnoseKafka } from "../src/broker/kafka_check.ts";
import { topicFindings } from "../src/broker/kafka_topic_check.ts";
import { java } from "../tools/services/java.ts";
import { withFolder } from "./support/cli.ts";
import { examineFresh, type Found, names, onlyThese, type Trap } from "./support/doctor.ts";
import { kafkaProxy } from "./support/kafka_proxy.ts";
import { ownKafka } from "./support/own_services.ts";
import { serviceTest, uniqueName } from "./support/services.ts";

const examine = (...args: string[]) => examineFresh("broker", args);

/** Kafka's own client. */
async function withAdmin(brokers: string, work: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** A topic and a dead-letter topic as `init` makes them, but for these settings. */
async function madeTopic(admin: Admin, settings: Record<string, string>, ofDeadLetters: Record<string, string>) {
  const topic = uniqueName("topic");
  const entries = (given: Record<string, string>) => Object.entries(given).map(([name, value]) => ({ name, value }));
  const deadLetters = { "retention.ms": "-1", "max.message.bytes": "2000000", ...ofDeadLetters };
  const both = [{ topic, configEntries: entries(settings) }, {
    topic: `${topic}.dlq`,
    configEntries: entries(deadLetters),
  }];
  await admin.createTopics({ waitForLeaders: true, topics: both.map((each) => ({ ...each, numPartitions: 2 })) });
  return topic;
}

/** A port of 127.0.0.1 where nothing listens. */
function closedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return (listener.addr as Deno.NetAddr).port;
}

Deno.test("doctor names a Kafka that is not started, and one whose name is known to containers only", async () => {
  onlyThese(await examine("--brokers", `127.0.0.1:${closedPort()}`), {
    state: "fail",
    detail: /^Cannot reach Kafka at "127\.0\.0\.1:\d+", where nothing listens$/,
    hint: /docker compose up -d/,
  });
  onlyThese(await examine("--brokers", "no-such-host.invalid:9092"), {
    state: "fail",
    detail: /^Cannot reach Kafka at "no-such-host\.invalid:9092", whose name does not resolve here$/,
    hint: /containers only.*localhost:9092/,
  });
});

Deno.test("doctor says within seconds that what listens hangs, or is no Kafka", async () => {
  const held: Deno.Conn[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of listener) held.push(connection);
  })();
  await using http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response());
  const wanted = { topic: "t", deadLetterTopic: "t.dlq", group: "g", replication: 1 };
  const began = performance.now();
  const ports = [(listener.addr as Deno.NetAddr).port, http.addr.port];
  await Promise.all(ports.map(async (port) => {
    const kafka = { brokers: [`127.0.0.1:${port}`], clientId: "test" };
    const found = await Array.fromAsync(diagnoseKafka(kafka, wanted));
    names(found, { state: "fail", detail: /does not answer as a Kafka does/, hint: /listener for clients.*hangs/ });
    assert.equal(found.length, 1);
  }));
  assert.ok(performance.now() - began < 25_000, `${performance.now() - began} ms`);
  for (const connection of held) connection.close();
  listener.close();
  await accepting;
});

serviceTest(
  "of a Kafka as init leaves it doctor finds nothing; a second address that is dead it names",
  async (given) => {
    const { brokers } = given;
    await withAdmin(brokers, async (admin) => {
      const topic = await madeTopic(admin, {}, {});
      const found = await examine("--brokers", brokers, "--topic", topic);
      onlyThese(found);
      assert.deepEqual(found.map(({ check }) => check), [
        "connection",
        "advertised addresses",
        `topic "${topic}"`,
        `dead-letter topic "${topic}.dlq"`,
        "room for dead letters",
        'group "userpipe"',
      ]);
      onlyThese(await examine("--brokers", `127.0.0.1:${closedPort()},${brokers}`, "--topic", topic), {
        state: "warn",
        detail: /1 broker; cannot reach "127\.0\.0\.1:\d+", where nothing listens$/,
        hint: /leave it out of --brokers/,
      });
    });
  },
);

/** Where an answer names `127.0.0.1` and this port, it names `kafka-srv` and the other one, which is as long. */
function advertise(chunk: Uint8Array, from: number, host: string, port: number): void {
  const [before, after] = [["127.0.0.1", from], [host, port]].map(([name, number]) => {
    const bytes = new Uint8Array(13);
    bytes.set(new TextEncoder().encode(String(name)));
    new DataView(bytes.buffer).setInt32(9, Number(number));
    return bytes;
  });
  for (let at = 0; at + 13 <= chunk.length; at++) {
    if (before.every((byte, i) => chunk[at + i] === byte)) chunk.set(after, at);
  }
}

for (
  const [what, host, port, why] of [
    ["a name of Docker's network", "kafka-srv", () => 29_092, "whose name does not resolve here"],
    ["a port that is not published", "127.0.0.1", closedPort, "where nothing listens"],
  ] as const
) {
  serviceTest(`doctor names a Kafka that sends its clients on to ${what}`, async ({ brokers }) => {
    const to = port();
    let own = 0;
    await using proxy = kafkaProxy(brokers, (chunk) => advertise(chunk, own, host, to));
    own = Number(proxy.address.split(":")[1]);
    const topic = uniqueName("missing");
    onlyThese(await examine("--brokers", proxy.address, "--topic", topic), {
      state: "fail",
      detail: new RegExp(`^Kafka sends its clients on to "${host}:${to}" for its broker 1, ${why}$`),
      hint: /advertised\.listeners of broker 1 \(KAFKA_ADVERTISED_LISTENERS.*localhost/,
    }, ...missing(topic));
  });
}

function missing(topic: string): Trap[] {
  return [
    { state: "fail", detail: new RegExp(`^There is no topic "${topic}"$`), hint: /userpipe init.*--topic/ },
    {
      state: "fail",
      detail: new RegExp(`^There is no dead-letter topic "${topic}.dlq"$`),
      hint: /userpipe init.*--dead-letter-topic/,
    },
  ];
}

serviceTest("doctor names missing topics, and more copies than init could make", async ({ brokers }) => {
  const topic = uniqueName("missing");
  onlyThese(await examine("--brokers", brokers, "--topic", topic), ...missing(topic));
  onlyThese(await examine("--brokers", brokers, "--topic", topic, "--replication", "3"), ...missing(topic), {
    state: "fail",
    detail: /init would ask for 3 copies of each partition, and Kafka has 1 broker$/,
    hint: /at most 1 with --replication/,
  });
});

serviceTest("doctor names settings of topics that break what userpipe promises, and what mends them", async (given) => {
  const { brokers } = given;
  await withAdmin(brokers, async (admin) => {
    const topic = await madeTopic(
      admin,
      { "message.timestamp.type": "LogAppendTime", "min.insync.replicas": "2" },
      { "max.message.bytes": "1048588", "retention.ms": "604800000" },
    );
    const mend = (name: string, setting: string) =>
      new RegExp(`--bootstrap-server ${brokers} .*--entity-name ${name} --add-config ${setting}$`);
    onlyThese(
      await examine("--brokers", brokers, "--topic", topic),
      { state: "warn", detail: /LogAppendTime/, hint: mend(topic, "message.timestamp.type=CreateTime") },
      { state: "fail", detail: /takes no records: 1 copy .*min\.insync\.replicas is 2/, hint: mend(topic, ".*=1") },
      { state: "fail", detail: /no room there/, hint: mend(`${topic}.dlq`, "max.message.bytes=1114124") },
      { state: "warn", detail: /drops dead letters after 7\.0 days/, hint: mend(`${topic}.dlq`, "retention.ms=-1") },
    );
  });
});

Deno.test("doctor names copies that are behind, and too few of them to take records", async () => {
  const found = async (isr: number[], least: string) => {
    const node = {
      metadata: () => {
        const partitionMetadata = [{ partitionId: 0, replicas: [1, 2, 3], isr }];
        return Promise.resolve({ brokers: [], topicMetadata: [{ topic: "t", partitionMetadata }] });
      },
      describeConfigs: () => {
        const configEntries = [{ configName: "min.insync.replicas", configValue: least }];
        return Promise.resolve({ resources: [{ configEntries }] });
      },
    };
    const ask: Ask = (_, work) => work(node as unknown as CheckedNode);
    const wanted = { topic: "t", deadLetterTopic: "t.dlq", group: "g", replication: 1 };
    return await Array.fromAsync(topicFindings(ask, wanted, { bootstrap: "b:9092", nodes: 2 }));
  };
  names(await found([1, 2, 3], "2"), { state: "ok", detail: /^1 partition, replication 3$/ });
  names(await found([1, 2], "2"), {
    state: "warn",
    detail: /replication 3, of which 1 lack copies: Kafka has 2 brokers up/,
    hint: /Start the brokers/,
  });
  names(await found([1], "2"), { state: "fail", detail: /takes no records: 1 copy/, hint: /Start the brokers/ });
});

const noJava = await java().then(() => undefined, (error) => String(error.message));

serviceTest(
  `doctor names a topic that it may not see, and a group without a coordinator${noJava ? ` (skipped: ${noJava})` : ""}`,
  () =>
    withFolder(async (dir) => {
      await using kafka = await ownKafka(dir, {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "offsets.topic.replication.factor": "3",
      });
      const brokers = kafka.endpoint;
      await withAdmin(brokers, async (admin) => {
        const topic = await madeTopic(admin, {}, {});
        // Where a topic has any rule, what none allows is denied.
        const rule = (resourceName: string, operation: AclOperationTypes, permissionType: AclPermissionTypes) => ({
          resourceType: AclResourceTypes.TOPIC,
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: "User:ANONYMOUS",
          host: "*",
          ...{ resourceName, operation, permissionType },
        });
        const { ALLOW, DENY } = AclPermissionTypes;
        await admin.createAcls({
          acl: [
            rule(topic, AclOperationTypes.DESCRIBE, DENY),
            rule(`${topic}.dlq`, AclOperationTypes.READ, ALLOW),
          ],
        });
        const found: Found[] = await examine("--brokers", brokers, "--topic", topic);
        onlyThese(
          found,
          { state: "fail", detail: /does not allow it: Not authorized to access topics/, hint: /Let its user read/ },
          { state: "warn", detail: /^Cannot see the settings of the dead-letter topic/, hint: /describe/ },
          {
            state: "fail",
            detail: /no coordinator for the group "userpipe"/,
            hint: /offsets\.topic\.replication\.factor/,
          },
        );
      });
    }),
  { ignore: noJava !== undefined },
);

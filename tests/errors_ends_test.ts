/** Ends that are out of reach, missing or different: two lines that say so and what to do, and the right exit code. */
import assert from "node:assert/strict";
import cassandra from "cassandra-driver";
import { start, succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { requireServices, type Services, serviceTest, uniqueName } from "./support/services.ts";
import { tcpProxy } from "./support/tcp_proxy.ts";
import { failsAsItShould, type Wrong } from "./support/wrong.ts";

/** A port that nothing listens at. */
const NOWHERE = "127.0.0.1:1";

const WRONG: (Wrong & { name: string })[] = [
  {
    name: "an unreachable broker, for init",
    args: ["init", "--brokers", NOWHERE],
    message: /Cannot reach Kafka at "127.0.0.1:1": connection refused$/,
    hint: /docker compose up -d/,
    code: 3,
  },
  {
    name: "an unreachable broker, for a stream that ends by itself",
    args: ["stream", "--until-caught-up", "--brokers", NOWHERE],
    message: /Cannot reach Kafka at "127.0.0.1:1": connection refused$/,
    hint: /docker compose up -d/,
    code: 3,
  },
  {
    name: "a broker whose name is not known",
    args: ["peek", "--brokers", "no-such-host.invalid"],
    message: /Cannot reach Kafka at "no-such-host.invalid:9092": its name does not resolve$/,
    hint: /./,
    code: 3,
  },
  {
    name: "an unreachable store",
    args: ["query", "count", "--contact-points", NOWHERE],
    message: /Cannot reach Cassandra at "127.0.0.1:1": connection refused$/,
    hint: /docker compose up -d.*--contact-points/,
    code: 3,
  },
  {
    name: "a store whose name is not known",
    args: ["query", "count", "--contact-points", "no-such-host.invalid"],
    message: /Cannot reach Cassandra at "no-such-host.invalid:9042": its name does not resolve$/,
    hint: /./,
    code: 3,
  },
  {
    name: "an unreachable store, for a stream that ends by itself",
    before: [["init"]],
    args: ["stream", "--max-records", "1", "--contact-points", NOWHERE],
    message: /Cannot reach Cassandra/,
    hint: /docker compose up -d/,
    code: 3,
  },
  {
    name: "an unreachable source",
    before: [["init"]],
    args: ["ingest", "--url", `http://${NOWHERE}/`],
    message: /127.0.0.1:1/,
    hint: /./,
    code: 3,
  },
  {
    name: "a topic that is missing, for ingest",
    args: ["ingest", "--generate", "1"],
    message: /topic "users_created"/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a topic that is missing, for stream",
    args: ["stream"],
    message: /topic "users_created"/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a dead-letter topic that is missing, for ingest: nothing is published",
    before: [["init"]],
    args: ["ingest", "--generate", "5", "--dead-letter-topic", "typo"],
    message: /topic "typo"/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a dead-letter topic that is missing, for stream",
    before: [["init"]],
    args: ["stream", "--dead-letter-topic", "typo"],
    message: /topic "typo"/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a topic that is missing, for peek",
    before: [["init"]],
    args: ["peek", "--topic", "typo"],
    message: /topic "typo"/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a table that is missing",
    before: [["init"]],
    args: ["query", "count", "--table", "typo"],
    message: /typo/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a keyspace that is missing",
    args: ["query", "count", "--keyspace", "typo"],
    message: /typo/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a file that is missing",
    before: [["init"]],
    args: ["ingest", "--file", "nothing.json"],
    message: /nothing\.json/,
    hint: /./,
    code: 2,
  },
  {
    name: "a database file that is not one",
    files: { "userpipe-data/topics.db": "no database ".repeat(100) },
    args: ["init"],
    message: /topics\.db".*not a SQLite database/,
    hint: /--data-dir/,
    code: 2,
  },
  {
    name: "a data folder that is a file",
    files: { "data": "a file" },
    args: ["init", "--data-dir", "data"],
    message: /data/,
    hint: /--data-dir/,
    code: 2,
  },
];

for (const wrong of WRONG) {
  Deno.test(`${wrong.name}: "userpipe ${wrong.args.join(" ")}"`, () => failsAsItShould(wrong));
}

const WAITS: { args: string[]; before: string[][]; waits: RegExp }[] = [
  {
    args: ["stream", "--brokers", NOWHERE],
    before: [],
    waits: /WARN.*Cannot reach Kafka at \S*127.0.0.1:1\S*: connection refused. Waiting for .*docker compose up -d/,
  },
  {
    args: ["stream", "--contact-points", NOWHERE],
    before: [["init"]],
    waits: /WARN.*Cannot reach Cassandra at \S*127.0.0.1:1\S*: connection refused. Waiting for .*docker compose up -d/,
  },
  {
    args: ["up", "--generate", "5", "--contact-points", NOWHERE],
    before: [],
    waits: /WARN.*Cannot reach Cassandra at \S*127.0.0.1:1\S*: connection refused. Waiting for/,
  },
];

for (const { args, before, waits } of WAITS) {
  Deno.test(`without an end of its own it waits for an end that is away, aloud: "userpipe ${args.join(" ")}"`, () =>
    withFolder(async (cwd) => {
      for (const earlier of before) await succeeds(earlier, { cwd });
      await using running = start(args, { cwd });
      await running.printed(waits);
      if (args[0] === "up") await running.printed("delivered");
      running.signal("SIGTERM");
      assert.equal(await running.ended, 0, running.output);
      assert.equal(running.output.split("Waiting for").length, 2, running.output);
    }));
}

/** Ends behind a proxy that lets nobody in until the test says so. */
serviceTest(
  "a stream and an up whose ends are away at their start go on by themselves once they answer",
  (services) => withFolder((cwd) => withFolder((other) => goOn(services, cwd, other))),
);

async function goOn({ brokers, contactPoints }: Services, cwd: string, other: string): Promise<void> {
  await using kafka = tcpProxy(Number(brokers.split(":")[1]));
  await using cassandra = tcpProxy(Number(contactPoints.split(":")[1]));
  const keyspace = uniqueName("away");
  const names = { KAFKA_TOPIC: uniqueName("away"), KAFKA_GROUP: uniqueName("away"), CASSANDRA_KEYSPACE: keyspace };
  const direct = { ...names, KAFKA_BROKERS: brokers, CASSANDRA_CONTACT_POINTS: contactPoints };
  const proxied = {
    ...names,
    KAFKA_BROKERS: `127.0.0.1:${kafka.port}`,
    CASSANDRA_CONTACT_POINTS: `127.0.0.1:${cassandra.port}`,
  };
  kafka.refuse();
  cassandra.refuse();
  await using up = start(["up", "--generate", "50", "--seed", "away", "--group", uniqueName("up")], {
    cwd,
    env: proxied,
  });
  await up.printed(/to outbox/);
  await up.printed(/Waiting for Cassandra/);
  await succeeds(["init"], { cwd, env: direct });
  await using stream = start(["stream"], { cwd: other, env: proxied });
  await stream.printed(/Waiting for Kafka/);
  kafka.allow();
  await stream.printed(/Kafka at \S+ is back after/);
  await stream.printed(/Waiting for Cassandra/);
  cassandra.allow();
  const rows = async () => JSON.parse(await succeeds(["query", "count"], { cwd, env: direct })).count;
  await until(async () => await rows() === 50, 60_000, () => up.output + stream.output);
  for (const running of [up, stream]) {
    await running.printed(/Cassandra at \S+ is back after/);
    running.signal("SIGTERM");
    assert.equal(await running.ended, 0, running.output);
  }
}

serviceTest("a topic that is missing on Kafka", async ({ brokers }) => {
  const topic = uniqueName("missing");
  for (const args of [["ingest", "--generate", "1"], ["stream"], ["peek"]]) {
    const hint = /userpipe init/;
    await failsAsItShould({
      args: [...args, "--brokers", brokers, "--topic", topic],
      message: new RegExp(topic),
      hint,
      code: 2,
    });
  }
});

serviceTest("a keyspace and a table that are missing on Cassandra", async ({ contactPoints }) => {
  const keyspace = uniqueName("missing");
  const at = ["--contact-points", contactPoints, "--keyspace", keyspace];
  const hint = /userpipe init/;
  await failsAsItShould({ args: ["query", "count", ...at], message: new RegExp(keyspace), hint, code: 2 });
  await failsAsItShould({
    before: [["init"], ["ingest", "--generate", "5"]],
    args: ["stream", ...at],
    message: new RegExp(keyspace),
    hint,
    code: 2,
  });
});

serviceTest("a data centre that is not there", async ({ contactPoints }) => {
  const args = ["query", "count", "--contact-points", contactPoints, "--data-center", "typo"];
  await failsAsItShould({ args, message: /typo/, hint: /./, code: 2 });
});

serviceTest("a table that differs, and --migrate", async ({ contactPoints }) => {
  const keyspace = uniqueName("differs");
  await withFolder(async (cwd) => {
    const at = ["--contact-points", contactPoints, "--keyspace", keyspace];
    await succeeds(["init", ...at], { cwd });
    const client = new cassandra.Client({
      contactPoints: [requireServices().contactPoints],
      localDataCenter: "datacenter1",
    });
    try {
      await client.execute(`ALTER TABLE ${keyspace}.created_users DROP dob`);
      const { code, stderr } = await userpipe(["init", ...at], { cwd });
      assert.equal(code, 2, stderr);
      assert.match(stderr, /dob/);
      assert.match(stderr, /--migrate/);
      assert.match(await succeeds(["init", "--migrate", ...at], { cwd }), /dob/);
      await succeeds(["init", ...at], { cwd });
    } finally {
      await client.execute(`DROP KEYSPACE ${keyspace}`);
      await client.shutdown();
    }
  });
});

serviceTest("a table that is dropped under a stream ends it with the reason", async ({ contactPoints }) => {
  const keyspace = uniqueName("dropped");
  const client = new cassandra.Client({ contactPoints: [contactPoints], localDataCenter: "datacenter1" });
  try {
    await withFolder(async (cwd) => {
      const options = { cwd, env: { CASSANDRA_CONTACT_POINTS: contactPoints, CASSANDRA_KEYSPACE: keyspace } };
      await succeeds(["init"], options);
      await succeeds(["ingest", "--generate", "5000"], options);
      await using stream = start(["stream", "--max-rate", "200"], options);
      const rows = async () => JSON.parse(await succeeds(["query", "count"], options)).count;
      await until(async () => await rows() > 0, 20_000, () => stream.output);
      await client.execute(`DROP TABLE ${keyspace}.created_users`);
      assert.equal(await stream.ended, 2, stream.output);
      assert.match(stream.output, /no such table/);
    });
  } finally {
    await client.execute(`DROP KEYSPACE ${keyspace}`);
    await client.shutdown();
  }
});

/** The main job by the program itself: 1,054 records from a server with the API's shape into the table, on every pair of ends. */
import assert from "node:assert/strict";
import { type CliOptions, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { expectedRow, realRecords } from "./support/expected.ts";
import { record } from "./support/records.ts";
import { serveRandomUsers } from "./support/randomuser_server.ts";
import { cassandraEnds, kafkaEnds } from "./support/ends.ts";
import { serviceTest } from "./support/services.ts";

const real = realRecords();
const RECORDS = "missing" in real ? Array.from({ length: 1_054 }, (_, n) => record(n)) : real;
const WHICH = "missing" in real ? `1,054 records of our own (${real.missing})` : "the 1,054 recorded users";

/** init, twice ingest and stream, and what the table then holds. */
async function carries(options: CliOptions): Promise<void> {
  await using server = serveRandomUsers(RECORDS);
  const count = String(RECORDS.length);
  assert.match(await succeeds(["init"], options), /made .*topic/);
  assert.doesNotMatch(await succeeds(["init"], options), /made /);
  for (let time = 1; time <= 2; time++) {
    const ingested = await succeeds(["ingest", "--url", server.url, "--count", count], options);
    assert.match(ingested, /delivered fetched 1,054, published 1,054, refused 0/);
    assert.match(await succeeds(["stream", "--until-caught-up"], options), /wrote 1,054 rows, refused 0/);
    const { count: rows } = JSON.parse(await succeeds(["query", "count"], options));
    assert.equal(rows, RECORDS.length);
  }
  const listed = (await succeeds(["query", "list", "5000"], options)).trimEnd().split("\n");
  const rows = new Map(listed.map((line) => JSON.parse(line)).map((row) => [row.id, row]));
  assert.equal(rows.size, RECORDS.length);
  for (const given of RECORDS) {
    const expected = expectedRow(given);
    assert.deepEqual(rows.get(expected.id), expected);
  }
  const women = RECORDS.filter(({ gender }) => gender === "female").length;
  const byGender = await succeeds(["query", "by", "gender", "female"], options);
  assert.deepEqual(JSON.parse(byGender), { gender: "female", count: women });
  const { id } = expectedRow(RECORDS[0]!);
  assert.deepEqual(JSON.parse(await succeeds(["query", "id", id!], options)), expectedRow(RECORDS[0]!));
  const keyspace = options.env?.CASSANDRA_KEYSPACE ?? "spark_streams";
  const cql = `SELECT email FROM ${keyspace}.created_users WHERE id = ${id}`;
  assert.deepEqual(JSON.parse(await succeeds(["query", "--cql", cql], options)), { email: RECORDS[0]!.email });
}

Deno.test(`embedded broker to embedded store: ${WHICH}`, () => withFolder((cwd) => carries({ cwd })));

serviceTest(
  `Kafka to Cassandra: ${WHICH}`,
  ({ brokers, contactPoints }) =>
    withFolder((cwd) => carries({ cwd, env: { ...kafkaEnds(brokers), ...cassandraEnds(contactPoints) } })),
);

serviceTest(
  `Kafka to the embedded store: ${WHICH}`,
  ({ brokers }) => withFolder((cwd) => carries({ cwd, env: kafkaEnds(brokers) })),
);

serviceTest(
  `embedded broker to Cassandra: ${WHICH}`,
  ({ contactPoints }) => withFolder((cwd) => carries({ cwd, env: cassandraEnds(contactPoints) })),
);

Deno.test("a record that is refused at the source is a dead letter, the others are rows, and the exit code is 1", () =>
  withFolder(async (cwd) => {
    const bad = record(2);
    bad.login.uuid = "not one";
    const lines = [record(1), bad, record(3)].map((each) => JSON.stringify(each)).join("\n");
    await succeeds(["init"], { cwd });
    const { code, stdout } = await userpipe(["ingest", "--file", "-"], { cwd, stdin: `${lines}\n{"half": \n` });
    assert.equal(code, 1);
    assert.match(stdout, /fetched 4, published 2, refused 2/);
    await succeeds(["stream", "--until-caught-up"], { cwd });
    assert.equal(JSON.parse(await succeeds(["query", "count"], { cwd })).count, 2);
    const letters = (await succeeds(["peek", "--topic", "users_created.dlq"], { cwd })).trimEnd().split("\n").map((
      line,
    ) => JSON.parse(line));
    assert.deepEqual(letters.map(({ headers }) => headers["userpipe-stage"]), ["source", "source"]);
    assert.match(letters[0].headers["userpipe-reason"], /login\.uuid: not a UUID/);
    assert.deepEqual(letters[0].value, bad);
    assert.match(letters[0].key, /^source\/[0-9a-f-]{36}\/1$/);
    assert.match(letters[1].headers["userpipe-reason"], /not JSON/);
  }));

Deno.test("every message carries its run, seed, page, schema and fetch time; a run's seed gives the same users again", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(RECORDS.slice(0, 20));
    await succeeds(["init"], { cwd });
    const first = await succeeds(["ingest", "--url", server.url, "--count", "20"], { cwd });
    const seed = /seed ([0-9a-f]{16})/.exec(first)![1]!;
    const [message] = (await succeeds(["peek", "--max", "1"], { cwd })).split("\n").map((line) =>
      line && JSON.parse(line)
    );
    assert.equal(message.headers["userpipe-seed"], seed);
    assert.equal(message.headers["userpipe-page"], "1");
    assert.equal(message.headers["userpipe-schema"], "1");
    assert.match(message.headers["userpipe-run"], /^[0-9a-f-]{36}$/);
    assert.ok(Math.abs(Number(message.headers["userpipe-fetched"]) - Date.now()) < 60_000);
    assert.equal(message.key, message.value.id);
    await succeeds(["ingest", "--url", server.url, "--count", "20", "--seed", seed], { cwd });
    await succeeds(["stream", "--until-caught-up"], { cwd });
    assert.equal(JSON.parse(await succeeds(["query", "count"], { cwd })).count, 20);
  }));

Deno.test("a record too large for the topic is a dead letter, cut to what that takes; the others are rows", () =>
  withFolder(async (cwd) => {
    const huge = record(2);
    huge.phone = "0".repeat(2_000_000);
    const lines = [record(1), huge, record(3)].map((each) => JSON.stringify(each)).join("\n");
    await succeeds(["init"], { cwd });
    const { code, stdout } = await userpipe(["ingest", "--file", "-"], { cwd, stdin: lines });
    assert.equal(code, 1);
    assert.match(stdout, /fetched 3, published 2, refused 1/);
    const { key, headers } = JSON.parse(await succeeds(["peek", "--topic", "users_created.dlq"], { cwd }));
    assert.match(key, /^source\/[0-9a-f-]{36}\/1$/);
    assert.equal(headers["userpipe-cut"], String(JSON.stringify(huge).length));
    await succeeds(["stream", "--until-caught-up"], { cwd });
    assert.equal(JSON.parse(await succeeds(["query", "count"], { cwd })).count, 2);
  }));

Deno.test("I4: of one id twice in a page the later record is the row, wherever the offsets fall", () =>
  withFolder(async (cwd) => {
    const older = record(9_999);
    const newer = { ...record(9_999), phone: "the newer one" };
    const lines = [...Array.from({ length: 998 }, (_, n) => record(n)), older, newer].map((each) =>
      JSON.stringify(each)
    );
    await succeeds(["init", "--partitions", "1"], { cwd });
    // The two stand at the offsets 999 and 1000.
    await succeeds(["ingest", "--generate", "1"], { cwd });
    await succeeds(["ingest", "--file", "-"], { cwd, stdin: lines.join("\n") });
    await succeeds(["stream", "--until-caught-up"], { cwd });
    const row = JSON.parse(await succeeds(["query", "id", String(newer.login.uuid)], { cwd }));
    assert.equal(row.phone, "the newer one");
  }));

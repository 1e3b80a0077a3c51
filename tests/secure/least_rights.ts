/** The commands against a Kafka and a Cassandra that allow only what is granted: each with the rights that the README lists for it, and no more. */
import assert from "node:assert/strict";
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from "kafkajs";
import { join } from "node:path";
import { ROOT } from "../../tools/build/options.ts";
import { AUTHORITY, CLIENT, writeFiles } from "../support/certificates.ts";
import { type Ended, until, userpipe } from "../support/cli.ts";
import { secretFile } from "../support/secrets.ts";
import { asKafkaAdmin, type Check, passwordOf, type SecureServices, USERS } from "../support/secure_services.ts";

type User = typeof USERS[number];

/** What the README lists for a command. */
interface Rights {
  topic: string[];
  deadLetters: string[];
  group: string[];
  grants: (table: string) => string[];
}

/** A row of the README's table. */
function rightsOf(user: User): Rights {
  if (user === "nobody") return { topic: [], deadLetters: [], group: [], grants: () => [] };
  const readme = Deno.readTextFileSync(join(ROOT, "README.md"));
  const table = readme.slice(readme.indexOf("<!-- rights:begin -->"), readme.indexOf("<!-- rights:end -->"));
  const row = table.split("\n").find((line) => line.startsWith(`| \`${user.replace("_", "-")}\``));
  assert.ok(row !== undefined, `the README lists no rights for ${user}`);
  const [topic, deadLetters, group, cassandra] = row.split("|").slice(2).map((cell) => cell.trim());
  const operations = (cell: string) =>
    cell.split(", ").filter(Boolean).map((name) => name.replace(/(?<=[a-z])(?=[A-Z])/, "_").toUpperCase());
  const grants = [...cassandra!.matchAll(/`([A-Z ]+)`( on the table)?/g)];
  return {
    topic: operations(topic!),
    deadLetters: operations(deadLetters!),
    group: operations(group!),
    grants: (table) => grants.map(([, words, ofTable]) => ofTable === undefined ? words! : `${words} ON ${table}`),
  };
}

interface Place {
  given: SecureServices;
  cwd: string;
  topic: string;
  keyspace: string;
}

/** Registers the way of records through the commands, and what is said to those who may not. */
export function leastRights(check: Check): void {
  check("every command works with the rights that the README lists for it, all secrets from files", async (given) => {
    const place = await madePlace(given);
    await allow(place, "init");
    await runs(place, "init", ["init"]);
    for (const user of USERS.slice(1)) await allow(place, user);

    await runs(place, "ingest", ["ingest", "--file", await oneBadRecord(place)], 1);
    await runs(place, "ingest", ["ingest", "--generate", "200", "--seed", "secure"]);
    await runs(place, "stream", ["stream", "--until-caught-up"]);

    assert.match(await runs(place, "query", ["query", "count"]), /\b200\b/);
    assert.equal((await runs(place, "peek", ["peek", "--max", "3"])).trim().split("\n").length, 3);
    await runs(place, "verify", ["verify"]);
    await runs(place, "verify", ["verify", "--until", "committed"]);
    assert.match(await runs(place, "dead_letters", ["dead-letters", "--format", "json"]), /source/);
    // It gives each part 3 s, which a machine under load may need.
    await until(async () => (await run(place, "status", ["status"])).code === 0, 60_000, () => "status is not well");
    const status = await runs(place, "status", ["status", "--format", "json"]);
    assert.match(status, /"lag":\{[^}]*"records":0/);
    assert.match(await runs(place, "doctor", ["doctor", "--generate", "1"]), /all is well/);
  });

  check("who may not do a thing is told what to allow, by the command and by doctor", async (given) => {
    const place = await madePlace(given);
    await allow(place, "init");
    await runs(place, "init", ["init"]);
    await allow(place, "ingest");
    await runs(place, "ingest", ["ingest", "--generate", "10"]);
    await allow(place, "stream", { ...rightsOf("stream"), grants: () => [] });
    await allow(place, "peek", { ...rightsOf("stream"), group: [] });
    const other = `${place.keyspace}_other`;
    const elsewhere = {
      KAFKA_SASL_USERNAME: "init",
      KAFKA_SASL_PASSWORD_FILE: "init.txt",
      CASSANDRA_KEYSPACE: other,
    };
    for (
      const [user, args, says, hint, env] of [
        [
          "nobody",
          ["init", "--topic", `${place.topic}.other`],
          /access topics/,
          /\(Create, Describe, DescribeConfigs\) the topic "\S+\.other"; which rights/,
        ],
        ["nobody", ["ingest", "--generate", "1"], /access topics/, /write the topic/],
        ["nobody", ["stream", "--until-caught-up"], /access topics/, /read and write the topic/],
        ["nobody", ["peek"], /access topics/, /read and write the topic/],
        ["peek", ["stream", "--until-caught-up"], /access group/, /read in the group "\S+-group"/],
        ["stream", ["stream", "--until-caught-up"], /no MODIFY permission/, /GRANT MODIFY ON TABLE \S+ TO stream/],
        ["nobody", ["query", "count"], /no SELECT permission/, /GRANT SELECT ON TABLE \S+\.created_users TO nobody/],
        ["nobody", ["init"], /no CREATE permission/, /GRANT CREATE ON ALL KEYSPACES TO nobody/, elsewhere],
      ] as [User, string[], RegExp, RegExp, Record<string, string>?][]
    ) {
      const { code, stdout, stderr } = await run(place, user, args, env);
      assert.equal(code, 2, `userpipe ${args.join(" ")} as ${user} ended with ${code}:\n${stdout}${stderr}`);
      assert.match(stderr, says);
      assert.match(stderr, hint);
    }
    const { cassandra } = given;
    await cassandra.run(
      `CREATE KEYSPACE ${other} WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}`,
      `GRANT CREATE ON KEYSPACE ${other} TO nobody`,
    );
    assert.equal((await run(place, "nobody", ["init"], elsewhere)).code, 0);
    // Who makes a table may do all with it.
    await cassandra.run(
      `REVOKE ALL ON ${other}.created_users FROM nobody`,
      `GRANT ALTER ON ${other}.created_users TO nobody`,
      `ALTER TABLE ${other}.created_users DROP dob`,
    );
    assert.equal((await run(place, "nobody", ["init", "--migrate"], elsewhere)).code, 0);
    const { code, stdout } = await run(place, "nobody", ["doctor", "--generate", "1"]);
    assert.equal(code, 1, stdout);
    assert.match(
      stdout,
      /fail {2}broker .*access topics[^]*fail {2}broker .*access group[^]*fail {2}store .*no SELECT/,
    );
  });
}

async function madePlace(given: SecureServices): Promise<Place> {
  const cwd = await Deno.makeTempDir({ dir: given.folder });
  await writeFiles(cwd, { "authority.pem": AUTHORITY, "client.pem": CLIENT.cert, "client.key": CLIENT.key });
  for (const user of USERS) {
    await Deno.chmod(await secretFile(cwd, `${user}.txt`, passwordOf(user)), 0o600);
  }
  const name = `secure_${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
  return { given, cwd, topic: name, keyspace: name };
}

/** Gives a user what the README lists. */
async function allow({ given, topic, keyspace }: Place, user: User, rights = rightsOf(user)): Promise<void> {
  const { kafka, cassandra } = given;
  const rules = (resourceType: AclResourceTypes, resourceName: string, operations: readonly string[]) =>
    operations.map((operation) => ({
      resourceType,
      resourceName,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      principal: `User:${user}`,
      host: "*",
      operation: AclOperationTypes[operation as "READ"],
      permissionType: AclPermissionTypes.ALLOW,
    }));
  const acl = [
    ...rules(AclResourceTypes.TOPIC, topic, rights.topic),
    ...rules(AclResourceTypes.TOPIC, `${topic}.dlq`, rights.deadLetters),
    ...rules(AclResourceTypes.GROUP, groupOf(topic), rights.group),
  ];
  if (acl.length > 0) await asKafkaAdmin(kafka, async (admin) => void await admin.createAcls({ acl }));
  const grants = rights.grants(`${keyspace}.created_users`);
  await cassandra.run(...grants.map((grant) => `GRANT ${grant} TO ${user}`));
}

const groupOf = (topic: string) => `${topic}-group`;

function run(
  { given, cwd, topic, keyspace }: Place,
  user: User,
  args: string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  return userpipe(args, { cwd, env: { ...environment(given, topic, keyspace, user), ...env } });
}

/** @returns what it printed */
async function runs(place: Place, user: User, args: string[], code = 0): Promise<string> {
  const ended = await run(place, user, args);
  const all = `${ended.stdout}${ended.stderr}`;
  assert.equal(ended.code, code, `userpipe ${args.join(" ")} as ${user} ended with ${ended.code}:\n${all}`);
  assert.doesNotMatch(ended.stderr, /WARN|"level":"WARN|warning/i, all);
  return ended.stdout;
}

function environment({ kafka, cassandra }: SecureServices, topic: string, keyspace: string, user: User) {
  return {
    KAFKA_BROKERS: kafka.scram,
    KAFKA_TLS: "true",
    KAFKA_CA_FILE: "authority.pem",
    KAFKA_CERT_FILE: "client.pem",
    KAFKA_KEY_FILE: "client.key",
    KAFKA_SASL_MECHANISM: "scram-sha-512",
    KAFKA_SASL_USERNAME: user,
    KAFKA_SASL_PASSWORD_FILE: `${user}.txt`,
    KAFKA_TOPIC: topic,
    KAFKA_GROUP: groupOf(topic),
    CASSANDRA_CONTACT_POINTS: cassandra.endpoint,
    CASSANDRA_TLS: "true",
    CASSANDRA_CA_FILE: "authority.pem",
    CASSANDRA_CERT_FILE: "client.pem",
    CASSANDRA_KEY_FILE: "client.key",
    CASSANDRA_USERNAME: user,
    CASSANDRA_PASSWORD_FILE: `${user}.txt`,
    CASSANDRA_KEYSPACE: keyspace,
  };
}

/** A file with a record that is refused, so that there is a dead letter. */
async function oneBadRecord({ cwd }: Place): Promise<string> {
  const path = join(cwd, "bad.json");
  await Deno.writeTextFile(path, JSON.stringify({ results: [{ gender: 1 }] }));
  return path;
}

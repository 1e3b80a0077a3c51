/** What `doctor` says of a Cassandra: each trap made for real. */
import assert from "node:assert/strict";
import cassandra from "cassandra-driver";
import type { Finding } from "../src/errors.ts";
import { openCassandra } from "../src/store/cassandra.ts";
import { COLUMNS } from "./contracts/store_fixture.ts";
import { examineFresh, names, onlyThese, type Trap } from "./support/doctor.ts";
import { serviceTest, uniqueName } from "./support/services.ts";

const examine = (...args: string[]) => examineFresh("store", args);
const MINE = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}";

/** A keyspace of its own, with the table as `init` makes it where there is no other `table`. */
async function withKeyspace(
  contactPoint: string,
  work: (keyspace: string, run: (cql: string) => Promise<unknown>) => Promise<void>,
  { replication = MINE, columns = COLUMNS.map(({ name, type }) => `${name} ${type}`) } = {},
): Promise<void> {
  const keyspace = uniqueName("doctor");
  const client = new cassandra.Client({ contactPoints: [contactPoint], localDataCenter: "datacenter1" });
  const run = (cql: string) => client.execute(cql);
  try {
    await run(`CREATE KEYSPACE ${keyspace} WITH replication = ${replication}`);
    await run(`CREATE TABLE ${keyspace}.created_users (${columns.join(", ")}, PRIMARY KEY (id))`);
    await work(keyspace, run);
  } finally {
    await run(`DROP KEYSPACE IF EXISTS ${keyspace}`);
    await client.shutdown();
  }
}

/** What it finds without the command line, so that several can be looked at at once. */
async function found(contactPoint: string): Promise<Finding[]> {
  const table = { keyspace: "k", name: "t", columns: COLUMNS };
  const store = openCassandra({ contactPoints: [contactPoint], consistency: "LOCAL_QUORUM", table });
  try {
    return await Array.fromAsync(store.diagnose({}));
  } finally {
    await store.close();
  }
}

Deno.test("doctor says within seconds how a Cassandra is out of reach", async () => {
  const spare = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = spare.addr as Deno.NetAddr;
  spare.close();
  const held: Deno.Conn[] = [];
  const serve = (handle: (connection: Deno.Conn) => unknown) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = (async () => {
      for await (const connection of listener) handle(connection);
    })();
    const close = () => (listener.close(), accepting);
    return { at: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`, close };
  };
  const [hanging, closing] = [serve((each) => held.push(each)), serve((each) => each.close())];
  const traps: [contactPoint: string, trap: Trap][] = [
    [`127.0.0.1:${port}`, { state: "fail", detail: /^Cannot reach Cassandra at "127.+", where nothing listens$/ }],
    ["no-such-host.invalid:9042", { state: "fail", detail: /name does not resolve here$/, hint: /containers only/ }],
    [hanging.at, { state: "fail", detail: /which does not answer$/, hint: /Start it/ }],
    [closing.at, { state: "fail", detail: /which hangs up, as what is no Cassandra does$/, hint: /Start it/ }],
  ];
  const began = performance.now();
  await Promise.all(traps.map(async ([contactPoint, trap]) => {
    const all = await found(contactPoint);
    assert.equal(all.length, 1);
    names(all, trap);
  }));
  assert.ok(performance.now() - began < 25_000, `${performance.now() - began} ms`);
  for (const connection of held) connection.close();
  await Promise.all([hanging.close(), closing.close()]);
});

serviceTest("of a Cassandra as init leaves it doctor finds nothing, its clock included", async ({ contactPoints }) => {
  await withKeyspace(contactPoints, async (keyspace) => {
    const all = await examine("--contact-points", contactPoints, "--keyspace", keyspace);
    onlyThese(all);
    const checks = ["connection", "answers", "clock", `keyspace "${keyspace}"`, "table", "reading"];
    assert.deepEqual(all.map(({ check }) => check), checks);
  });
});

serviceTest("doctor names a data centre and a keyspace that are not there", async ({ contactPoints }) => {
  const at = ["--contact-points", contactPoints, "--keyspace", uniqueName("missing")];
  onlyThese(await examine(...at, "--data-center", "typo"), {
    state: "fail",
    detail: /has no data centre "typo": it has "datacenter1"$/,
    hint: /--data-center/,
  });
  onlyThese(await examine(...at), { state: "fail", detail: /has no keyspace "missing_\w+"$/, hint: /userpipe init/ });
  onlyThese(await examine(...at, "--replication-factor", "3"), {
    state: "fail",
    detail: /has no keyspace "missing_\w+", and init would ask for 3 copies of a row; it has 1 node$/,
    hint: /at most 1 as --replication-factor/,
  });
});

const REPLICATIONS: [what: string, replication: string, traps: Trap[]][] = [
  ["more copies than nodes", MINE.replace("1}", "3}"), [
    {
      state: "fail",
      detail: /asks for 3 copies of a row, and the data centre "datacenter1" has 1 node$/,
      hint: /lower it: ALTER KEYSPACE doctor_\w+ WITH replication = .*'datacenter1': 1}$/,
    },
    { state: "fail", detail: /too few live replicas/, hint: /--consistency/ },
  ]],
  ["SimpleStrategy", "{'class': 'SimpleStrategy', 'replication_factor': 1}", [
    { state: "warn", detail: /replicated by SimpleStrategy/, hint: /NetworkTopologyStrategy', 'datacenter1': 1}$/ },
  ]],
];

for (const [what, replication, traps] of REPLICATIONS) {
  serviceTest(`doctor names a keyspace with ${what}`, async ({ contactPoints }) => {
    await withKeyspace(contactPoints, async (keyspace) => {
      onlyThese(await examine("--contact-points", contactPoints, "--keyspace", keyspace), ...traps);
    }, { replication });
  });
}

serviceTest("doctor names a table that is missing, lacks a column or has one of another type", async (given) => {
  const { contactPoints } = given;
  const columns = COLUMNS.map(({ name, type }) => `${name} ${name === "post_code" ? "int" : type}`);
  await withKeyspace(contactPoints, async (keyspace, run) => {
    const at = ["--contact-points", contactPoints, "--keyspace", keyspace];
    onlyThese(await examine(...at), {
      state: "fail",
      detail: /differs: column "post_code" is int and not text$/,
      hint: /by hand/,
    });
    await run(`ALTER TABLE ${keyspace}.created_users DROP post_code`);
    onlyThese(await examine(...at), {
      state: "fail",
      detail: /column "post_code" text is missing$/,
      hint: /userpipe init --migrate/,
    });
    onlyThese(await examine(...at, "--table", "typo"), {
      state: "fail",
      detail: /has no table "doctor_\w+\.typo"$/,
      hint: /userpipe init/,
    });
  }, { columns });
});

/** What a person is told where Cassandra cannot be reached, and that nothing is left behind. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { openCassandra } from "../src/store/cassandra.ts";
import { COLUMNS, rows } from "./contracts/store_fixture.ts";

const TABLE = { keyspace: "k", name: "t", columns: COLUMNS };

function open(contactPoint: string) {
  return openCassandra({ contactPoints: [contactPoint], consistency: "LOCAL_QUORUM", table: TABLE });
}

/** A server that does with each connection what `handle` says, until `close`. */
function server(handle: (connection: Deno.Conn) => void) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of listener) handle(connection);
  })();
  return {
    at: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    close: async () => {
      listener.close();
      await accepting;
    },
  };
}

async function isUnreachable(contactPoint: string, withinMs: number, why: string): Promise<void> {
  const store = open(contactPoint);
  try {
    const begun = performance.now();
    for (const request of [() => store.count(), () => store.get([crypto.randomUUID()])]) {
      const error = await request().catch((error) => error);
      assert(error instanceof UserpipeError, String(error));
      assert.equal(error.code, "store-unreachable");
      assert.equal(error.message, `Cannot reach Cassandra at "${contactPoint}": ${why}`);
      assert.match(error.hint, /docker compose up -d.*leave --contact-points out/);
      assert(error.cause instanceof Error);
    }
    const { refused, unwritten } = await store.write(rows(25));
    assert.deepEqual(refused, []);
    assert.deepEqual(unwritten.map(({ index }) => index), rows(25).map((_, index) => index));
    assert(unwritten.every(({ error }) => error.code === "store-unreachable"));
    const check = await store.check();
    assert(!check.ok && check.error.code === "store-unreachable");
    assert(performance.now() - begun < withinMs);
  } finally {
    await store.close();
  }
}

Deno.test("where nobody listens, every request says so at once", async () => {
  const nobody = server(() => {});
  await nobody.close();
  await isUnreachable(nobody.at, 15_000, "connection refused");
});

Deno.test("a host that has no address is out of reach", async () => {
  await isUnreachable("no-such-host.invalid:9042", 20_000, "its name does not resolve");
});

Deno.test("a proxy that hangs up is out of reach at once, and leaves no timer behind", async () => {
  const proxy = server((connection) => connection.close());
  await isUnreachable(proxy.at, 15_000, "it closed the connection");
  await proxy.close();
});

Deno.test("a server that never answers is out of reach after some seconds, and leaves no timer behind", async () => {
  const held: Deno.Conn[] = [];
  const silent = server((connection) => held.push(connection));
  const store = open(silent.at);
  const begun = performance.now();
  const answers = await Promise.all([store.check(), store.check()]);
  for (const answer of answers) assert(!answer.ok && answer.error.code === "store-unreachable");
  assert(performance.now() - begun < 9_000);
  const closing = store.close();
  for (const connection of held) connection.close();
  await closing;
  await silent.close();
});

Deno.test("a store that was closed without a request is closed", async () => {
  const store = open("127.0.0.1:1");
  await store.close();
  await assert.rejects(store.count(), /was closed/);
});

Deno.test("wrong settings are said before anything is connected", () => {
  const settings = { contactPoints: ["127.0.0.1:1"], consistency: "LOCAL_QUORUM", table: TABLE };
  const code = (options: Partial<typeof settings>) => {
    try {
      openCassandra({ ...settings, ...options });
    } catch (error) {
      assert(error instanceof UserpipeError);
      return [error.code, error.message, error.hint].join(" / ");
    }
  };
  assert.match(code({ consistency: "MOST" })!, /^settings .*"MOST".*LOCAL_QUORUM/);
  assert.match(code({ consistency: "SERIAL" })!, /^settings /);
  assert.match(code({ table: { ...TABLE, keyspace: "a; DROP" } })!, /^settings .*keyspace/);
  assert.match(code({ table: { ...TABLE, name: "" } })!, /^settings .*table/);
  for (const consistency of ["ONE", "local_one", "QUORUM", "EACH_QUORUM", "ALL"]) {
    assert.equal(code({ consistency }), undefined);
  }
});

/** What only a real Cassandra can show: its log stays clean, bad rows are found alone, and a lost one is found again. */
import assert from "node:assert/strict";
import { Client } from "cassandra-driver";
import { running } from "../tools/services/set.ts";
import { endpointOf } from "../tools/services/service.ts";
import { DEFAULT_DIR, TEST_DIR } from "../tools/services/where.ts";
import { openCassandra } from "../src/store/cassandra.ts";
import type { Store } from "../src/store/store.ts";
import { COLUMNS, fails, id, put, row, rows, T } from "./contracts/store_fixture.ts";
import { services, serviceTest, uniqueName } from "./support/services.ts";

const INIT = { migrate: false, dryRun: false };

interface Options {
  contactPoint: string;
  keyspace?: string;
  dataCenter?: string;
  batchBytes?: number;
}

async function withStore(options: Options, body: (store: Store, table: string) => Promise<void>): Promise<void> {
  const { contactPoint, keyspace = "userpipe_contract", ...rest } = options;
  const table = { keyspace, name: uniqueName("t"), columns: COLUMNS };
  const store = openCassandra({ contactPoints: [contactPoint], consistency: "LOCAL_QUORUM", table, ...rest });
  try {
    await body(store, `${table.keyspace}.${table.name}`);
  } finally {
    await store.close();
  }
}

/** The log of the Cassandra that the tests use, where it is one that this project started on this machine. */
async function logOf(contactPoint: string): Promise<string | undefined> {
  const all = [...await running(DEFAULT_DIR), ...await running(TEST_DIR)];
  return all.find((each) => endpointOf(each) === contactPoint && each.engine === "java")?.log;
}

const found = await services();
const log = "missing" in found ? undefined : await logOf(found.contactPoints);

serviceTest(
  `20,000 rows of all sizes leave no warning of a batch in Cassandra's log${
    log ? "" : " (skipped: its log is not here)"
  }`,
  async ({ contactPoints }) => {
    await withStore({ contactPoint: contactPoints }, async (store, name) => {
      await store.init(INIT);
      const all = rows(20_000).map((one, n) =>
        row(id(one), { address: "ä".repeat(n % 1_000 === 0 ? 9_000 : n % 300) })
      );
      await put(store, ...all);
      assert.equal(await store.count(), all.length);
      assert.doesNotMatch(await Deno.readTextFile(log!), new RegExp(`WARN.*atch.*${name}`));
    });
    await withStore({ contactPoint: contactPoints, batchBytes: 40_000 }, async (store, name) => {
      await store.init(INIT);
      await put(store, ...rows(200));
      // The log is written behind the answer.
      const warned = new RegExp(`WARN.*Batch for \\[${name}\\] is of size`);
      const deadline = Date.now() + 10_000;
      while (!warned.test(await Deno.readTextFile(log!))) {
        assert(Date.now() < deadline, "batches over the limit are warned of");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
  },
  { ignore: log === undefined },
);

serviceTest("rows that Cassandra refuses are found alone in their batch, and the others are stored", async (given) => {
  for (const batchBytes of [undefined, 40_000]) {
    await withStore({ contactPoint: given.contactPoints, batchBytes }, async (store) => {
      await store.init(INIT);
      const all = rows(200);
      // No table takes this write time, and only the server knows.
      const bad = [0, 57, 58, 199];
      for (const index of bad) all[index] = { ...all[index], writeTime: -(2 ** 63) };
      const { refused, unwritten } = await store.write(all);
      assert.deepEqual(refused.map(({ index }) => index).sort((a, b) => a - b), bad);
      for (const { reason } of refused) assert.match(reason, /timestamp/i);
      assert.deepEqual(unwritten, []);
      assert.equal(await store.count(), all.length - bad.length);
    });
  }
});

serviceTest("a row larger than Cassandra takes at all is refused, and those beside it are stored", async (given) => {
  await withStore({ contactPoint: given.contactPoints }, async (store) => {
    await store.init(INIT);
    const all = [...rows(5), row(crypto.randomUUID(), { address: "x".repeat(17 * 1024 * 1024) }), ...rows(5)];
    const { refused, unwritten } = await store.write(all);
    assert.deepEqual(refused.map(({ index }) => index), [5]);
    assert.match(refused[0].reason, /too big|too large|oversized/i);
    assert.deepEqual(unwritten, []);
    assert.equal(await store.count(), 10);
  });
});

serviceTest("a data centre that is not there is named, with the one that is", async ({ contactPoints }) => {
  await withStore({ contactPoint: contactPoints, dataCenter: "nowhere" }, async (store) => {
    const error = await fails("settings", store.count());
    assert.match(error.message, /has no data centre "nowhere": it has "datacenter1"/);
    assert.match(error.hint, /--data-center/);
    await fails("settings", store.write(rows(1)));
  });
  await withStore({ contactPoint: contactPoints, dataCenter: "datacenter1" }, async (store) => {
    await store.init(INIT);
    await put(store, ...rows(1));
  });
});

serviceTest("a keyspace is made on the local data centre, with as many copies as there are nodes", async (given) => {
  const keyspace = uniqueName("k");
  const contactPoint = given.contactPoints;
  try {
    await withStore({ contactPoint, keyspace }, async (store) => {
      const error = await fails("store-missing", store.write(rows(1)));
      assert.match(error.message, new RegExp(`no keyspace "${keyspace}"`));
      const [planned] = await store.init({ migrate: false, dryRun: true });
      assert.equal(planned.state, "would-make");
      const [made] = await store.init(INIT);
      assert.equal(made.state, "made");
      assert.match(made.statement, /'class': 'NetworkTopologyStrategy', 'datacenter1': 1/);
      assert.equal(made.detail, "NetworkTopologyStrategy, datacenter1: 1");
      const [there] = await store.init({ ...INIT, replicationFactor: 2 });
      assert.deepEqual([there.state, there.detail], ["exists", made.detail]);
    });
    await withStore({ contactPoint, keyspace }, async (store) => {
      const error = await fails("store-missing", store.write(rows(1)));
      assert.match(error.message, new RegExp(`no table "${keyspace}\\.`));
    });
  } finally {
    await drop(contactPoint, keyspace);
  }
});

serviceTest(
  "more copies than nodes are refused by init and said by check, and rows that lack replicas are to be written again",
  async (given) => {
    const keyspace = uniqueName("k");
    const contactPoint = given.contactPoints;
    try {
      await withStore({ contactPoint, keyspace }, async (store) => {
        for (const dryRun of [true, false]) {
          const error = await fails("store-refused", store.init({ migrate: false, dryRun, replicationFactor: 3 }));
          assert.match(error.message, /with 3 copies of each row: the data centre "datacenter1" of .* has 1 node$/);
          assert.match(error.hint, /at most 1 with --replication-factor/);
        }
        const copies = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}";
        await cql(contactPoint, `CREATE KEYSPACE ${keyspace} WITH replication = ${copies}`);
        const [there] = await store.init({ ...INIT, replicationFactor: 3 });
        assert.equal(there.state, "exists");
        const answer = await store.check();
        assert(!answer.ok && /1 nodes.*3 copies/.test(answer.error.message));
        const { refused, unwritten } = await store.write(rows(15));
        assert.deepEqual([refused.length, unwritten.length], [0, 15]);
        assert.equal(unwritten[0].error.code, "store-unreachable");
      });
    } finally {
      await drop(contactPoint, keyspace);
    }
  },
);

serviceTest("what could not connect connects later, and what was cut off comes back", async ({ contactPoints }) => {
  const proxy = new Proxy(contactPoints);
  await withStore({ contactPoint: proxy.at }, async (store) => {
    const all = rows(30);
    assert.equal((await store.write(all)).unwritten.length, all.length);
    proxy.open();
    await store.init(INIT);
    await put(store, ...all);

    proxy.cut();
    const { unwritten } = await store.write(all);
    assert(unwritten.length === 0 || unwritten.every(({ error }) => error.code === "store-unreachable"));
    await fails("store-unreachable", store.count());
    proxy.open();
    const later = all.map((one) => row(id(one), { email: "later" }, T + 1));
    const deadline = Date.now() + 20_000;
    while ((await store.write(later)).unwritten.length > 0) assert(Date.now() < deadline);
    assert.deepEqual((await store.get([id(all[7])]))[0].values[6], "later");
  });
  proxy.cut();
});

/** Asks, waits for a line, asks again, and closes. */
const CHILD = `
  import { openCassandra } from "./src/store/cassandra.ts";
  const table = { keyspace: "system", name: "local", columns: [{ name: "key", type: "text" }] };
  const store = openCassandra({ contactPoints: [Deno.env.get("AT")], consistency: "ONE", table });
  const ask = async () => console.log(await store.count().then(() => "answered", ({ code }) => code));
  await ask();
  await Deno.stdin.read(new Uint8Array(1));
  await ask();
  await store.close();
  console.log("closed");
`;

serviceTest("a process ends by itself once the store is closed, whatever became of its connection", async (given) => {
  const proxy = new Proxy(given.contactPoints);
  const hanging = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hangingUp = (async () => {
    for await (const connection of hanging) connection.close();
  })();
  proxy.open();
  const cases = [
    [given.contactPoints, ["answered", "answered"]],
    [proxy.at, ["answered", "store-unreachable"]],
    [`127.0.0.1:${(hanging.addr as Deno.NetAddr).port}`, ["store-unreachable", "store-unreachable"]],
  ] as const;
  for (const [at, expected] of cases) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--ext=ts", CHILD],
      cwd: new URL("..", import.meta.url),
      env: { AT: at },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const said = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await said.read()).value, `${expected[0]}\n`);
    if (at === proxy.at) {
      proxy.cut();
      // Nothing shows from outside that the driver is between two of its tries, which are ever further apart.
      await new Promise((resolve) => setTimeout(resolve, 1_700));
    }
    await child.stdin.close();
    let rest = "";
    while (!rest.includes("closed")) rest += (await said.read()).value;
    assert.equal(rest, `${expected[1]}\nclosed\n`);
    const closed = performance.now();
    assert.equal((await child.status).code, 0);
    assert(performance.now() - closed < 10_000, `${at}: ended ${Math.round(performance.now() - closed)} ms after it`);
    await said.cancel();
  }
  hanging.close();
  await hangingUp;
});

function drop(contactPoint: string, keyspace: string): Promise<void> {
  return cql(contactPoint, `DROP KEYSPACE IF EXISTS ${keyspace}`);
}

async function cql(contactPoint: string, statement: string): Promise<void> {
  const client = new Client({ contactPoints: [contactPoint], localDataCenter: "datacenter1" });
  await client.execute(statement);
  await client.shutdown();
}

/** A TCP proxy on a port of its own that can be away. */
class Proxy {
  readonly at: string;
  readonly #target: Deno.ConnectOptions;
  readonly #port: number;
  #listener?: Deno.Listener;
  readonly #open = new Set<Deno.Conn>();

  constructor(target: string) {
    const [hostname, port] = target.split(":");
    this.#target = { hostname, port: Number(port) };
    const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#port = (probe.addr as Deno.NetAddr).port;
    probe.close();
    this.at = `127.0.0.1:${this.#port}`;
  }

  open(): void {
    const listener = this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.#port });
    (async () => {
      for await (const near of listener) await this.#join(near).catch(() => near.close());
    })();
  }

  /** Nobody listens any more, and every connection is gone. */
  cut(): void {
    this.#listener?.close();
    this.#listener = undefined;
    for (const connection of this.#open) connection.close();
    this.#open.clear();
  }

  async #join(near: Deno.Conn): Promise<void> {
    const far = await Deno.connect(this.#target);
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#open.add(from);
      from.readable.pipeTo(to.writable).catch(() => {}).finally(() => this.#open.delete(from));
    }
  }
}

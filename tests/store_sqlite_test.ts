/** The embedded store against the contract suite, and what holds for it alone: its file, its SQL and its expiry. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { Packer } from "../src/packed.ts";
import type { Row, Table } from "../src/pipeline.ts";
import type { Store } from "../src/store/store.ts";
import { storeContract } from "./contracts/store.ts";
import { COLUMNS, fails, has, id, put, row, rows, selected, T } from "./contracts/store_fixture.ts";

const contractDir = Deno.makeTempDirSync({ prefix: "userpipe-store-" });
globalThis.addEventListener("unload", () => Deno.removeSync(contractDir, { recursive: true }));

storeContract("the embedded store", async ({ table, ttlSeconds } = {}) => {
  const store = openSqliteStore({ dataDir: contractDir, table: table as Table, ttlSeconds });
  return { store, close: () => store.close() };
});

const TABLE: Table = { keyspace: "shop", name: "people", columns: COLUMNS };

interface Place {
  store: Store;
  dataDir: string;
  path: string;
}

/** A test with a data folder of its own, in which nothing is made yet. */
function test(name: string, body: (place: Place) => Promise<void>): void {
  Deno.test(`the embedded store: ${name}`, async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "userpipe-store-" });
    const store = openSqliteStore({ dataDir, table: TABLE });
    try {
      await body({ store, dataDir, path: join(dataDir, "keyspace-shop.db") });
    } finally {
      await store.close();
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}

function init(store: Store) {
  return store.init({ migrate: false, dryRun: false });
}

test("nothing but init makes the file", async ({ store, dataDir }) => {
  await fails("store-missing", selected(store, "SELECT * FROM people"));
  await fails("store-missing", store.count());
  await fails("store-missing", store.write(rows(1)));
  assert.equal((await store.check()).ok, false);
  await store.init({ migrate: false, dryRun: true });
  assert.deepEqual(await Array.fromAsync(Deno.readDir(dataDir)), []);
  const [keyspace, table] = await init(store);
  assert.deepEqual([keyspace!.state, table!.state], ["made", "made"]);
});

test("any SQLite tool sees the table's own columns and only rows that have not expired", async ({ store, path }) => {
  await init(store);
  await put(store, ...rows(3));
  const db = new DatabaseSync(path);
  const [first] = db.prepare("SELECT * FROM people").all();
  assert.deepEqual(Object.keys(first!), COLUMNS.map(({ name }) => name));
  db.prepare("UPDATE people_rows SET expires = unixepoch() WHERE id = ?").run(first!.id!);
  assert.equal(db.prepare("SELECT * FROM people").all().length, 2);
  db.close();
  assert.equal(await store.count(), 2);
  assert.equal((await Array.fromAsync(store.scan(["id"]))).flat().length, 2);
});

test("a file that is moved away while it is open takes no more rows", async ({ store, path }) => {
  await init(store);
  await put(store, ...rows(2));
  await Deno.rename(path, `${path}.moved`);
  await fails("store-missing", store.write(rows(1)));
  await fails("store-missing", store.count());
});

test("a file that is not a database, or is of a newer version, is an error that names it", async ({ store, path }) => {
  await Deno.writeTextFile(path, "id,first_name\n".repeat(1_000));
  for (const attempt of [init(store), store.count(), store.write(rows(1))]) {
    assert.match((await fails("data-folder", attempt)).message, /keyspace-shop\.db/);
  }
  await Deno.remove(path);
  await init(store);
  const db = new DatabaseSync(path);
  db.exec("PRAGMA user_version = 99");
  db.close();
  await fails("data-folder", store.write(rows(1)));
});

test("a damaged file is an error, never a shorter answer", async ({ store, path }) => {
  await init(store);
  await put(store, ...rows(5_000));
  await store.close();
  const file = await Deno.open(path, { read: true, write: true });
  for (const share of [0.3, 0.5, 0.7]) {
    await file.seek(Math.floor(share * (await file.stat()).size / 4096) * 4096, Deno.SeekMode.Start);
    await file.write(new Uint8Array(4096).fill(0xff));
  }
  file.close();
  await fails("data-folder", Array.fromAsync(store.scan(["id", "email"])));
  await fails("data-folder", selected(store, "SELECT id, email FROM people"));
});

test("a value that is larger than a program can hold is refused, and the next statement is answered", async ({ store }) => {
  await init(store);
  for (const cell of ["zeroblob(400000000)", "hex(zeroblob(200000000))", "zeroblob(800000000)"]) {
    const { message } = await fails("query", selected(store, `SELECT ${cell} FROM (SELECT 1)`));
    assert.equal(message, "The statement makes a value of more than 256 MiB");
  }
  const { rows } = await selected(store, "SELECT length(zeroblob(1000)) FROM (SELECT 1)");
  assert.deepEqual(rows, [[1_000]]);
});

test("damage that no query meets is what diagnose finds", async ({ store, path }) => {
  await init(store);
  await put(store, ...rows(5_000));
  const findings = async () => (await Array.fromAsync(store.diagnose({}))).map(({ what, state }) => [what, state]);
  assert.deepEqual(await findings(), [["table", "ok"], ["file", "ok"]]);
  await store.close();
  const db = new DatabaseSync(path);
  const { rootpage } = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'people_rows'").get()!;
  const { page_size } = db.prepare("PRAGMA page_size").get()!;
  db.close();
  // The page at the table's root forgets the last but one of those below it.
  const file = Deno.openSync(path, { read: true, write: true });
  const cells = new Uint8Array(2);
  const at = (Number(rootpage) - 1) * Number(page_size) + 3;
  file.seekSync(at, Deno.SeekMode.Start);
  file.readSync(cells);
  new DataView(cells.buffer).setUint16(0, new DataView(cells.buffer).getUint16(0) - 1);
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(cells);
  file.close();
  const found = (await Array.fromAsync(store.scan(["id"]))).flat().length;
  assert.ok(found < 5_000, `${found} rows`);
  assert.deepEqual(await findings(), [["table", "ok"], ["file", "fail"]]);
});

test("a row that expired over ten days ago is removed, and one of yesterday still wins", async ({ store, path }) => {
  await init(store);
  const [long, yesterday] = rows(2);
  await put(store, long!, yesterday!);
  await store.close();
  const db = new DatabaseSync(path);
  const expire = db.prepare("UPDATE people_rows SET expires = unixepoch() - ? * 86400 WHERE id = ?");
  expire.run(11, id(long!));
  expire.run(1, id(yesterday!));
  const again = openSqliteStore({ dataDir: join(path, ".."), table: TABLE });
  await put(again, ...rows(1));
  assert.deepEqual({ ...db.prepare("SELECT count(*) AS n FROM people_rows").get() }, { n: 2 });
  db.close();
  for (const one of [long!, yesterday!]) await put(again, row(id(one), {}, T - 1));
  await has(again, row(id(long!), {}, T - 1));
  assert.deepEqual(await again.get([id(yesterday!)]), []);
  await again.close();
});

test("processes that make and write one table at once lose nothing", async ({ store, dataDir }) => {
  const code = `
    import { openSqliteStore } from ${JSON.stringify(import.meta.resolve("../src/store/sqlite.ts"))};
    import { rows } from ${JSON.stringify(import.meta.resolve("./contracts/store_fixture.ts"))};
    const store = openSqliteStore(${JSON.stringify({ dataDir, table: TABLE })});
    await store.init({ migrate: false, dryRun: false });
    for (let n = 0; n < 10; n++) {
      const { refused, unwritten } = await store.write(rows(100));
      if (refused.length + unwritten.length > 0) throw new Error("not written");
    }
    await store.close();`;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", code], stderr: "piped" });
  for (const { success, stderr } of await Promise.all([command.output(), command.output()])) {
    assert(success, new TextDecoder().decode(stderr));
  }
  assert.equal(await store.count(), 2_000);
});

test("calls that share a transaction are written by key, and each is told of its own rows that are refused", async ({ store }) => {
  await init(store);
  const packer = new Packer(COLUMNS);
  const packed = ({ values, writeTime }: Row) => (packer.add(values), packer.row(writeTime));
  const all = rows(300).reverse();
  const calls = [0, 100, 200].map((from) => {
    const call = all.slice(from, from + 100).map(packed) as Row[];
    return [...call.slice(0, 40), row("no UUID"), ...call.slice(40, 90), row("nor this"), ...call.slice(90)];
  });
  const results = await Promise.all(calls.map((call) => store.write(call)));
  for (const { refused, unwritten } of results) {
    assert.deepEqual(refused.map(({ index }) => index), [40, 91]);
    assert.equal(unwritten.length, 0);
  }
  assert.equal(await store.count(), 300);
  const inOrder = (await selected(store, "SELECT id FROM people")).rows.flat();
  assert.deepEqual(inOrder, inOrder.toSorted());
  for (const one of all) await has(store, one);
});

test("select keeps to the order and the types that the statement gives", async ({ store }) => {
  await init(store);
  await put(
    store,
    ...rows(2_500).map((one, n) => row(id(one), { email: `${n % 5}`, phone: String(n).padStart(4, "0") })),
  );
  const ordered = await selected(store, "SELECT phone FROM shop.people ORDER BY phone DESC");
  assert.deepEqual(ordered.rows.flat(), Array.from({ length: 2_500 }, (_, n) => String(2_499 - n).padStart(4, "0")));
  const grouped = await selected(
    store,
    "SELECT email, count(*) AS n FROM people GROUP BY email ORDER BY email LIMIT 2",
  );
  assert.deepEqual(grouped, { columns: ["email", "n"], rows: [["0", 500], ["1", 500]] });
  const types = await selected(
    store,
    "SELECT 9007199254740993, 1, 1.5, null, x'00ff', 'a', CAST(phone AS int) FROM people LIMIT 1",
  );
  assert.deepEqual(types.rows[0]!.slice(0, 6), ["9007199254740993", 1, 1.5, null, "0x00ff", "a"]);
  const joined = "SELECT count(*) FROM shop.people a JOIN people b ON a.id = b.id WHERE shop.people.id IS NULL OR true";
  await fails("query", selected(store, joined));
  assert.deepEqual((await selected(store, joined.replace(/ WHERE.*/, ""))).rows, [[2_500]]);
  const same = await selected(store, `SELECT count(*) FROM "shop"."people" WHERE email = '1' UNION ALL SELECT 7`);
  assert.deepEqual(same.rows, [[500], [7]]);
});

test("a text with a NUL is found by equality and read whole", async ({ store }) => {
  await init(store);
  const [one] = rows(1);
  await put(store, row(id(one!), { email: "a\0b" }), ...rows(1));
  const { rows: found } = await selected(store, "SELECT email FROM people WHERE email = 'a' || char(0) || 'b'");
  assert.deepEqual(found, [["a\0b"]]);
});

test("what only CQL has is an error that names it", async ({ store }) => {
  await init(store);
  for (
    const [call, name] of [
      ["token(id)", "token"],
      ["writetime(email)", "writetime"],
      ["ttl(email)", "ttl"],
      ["now()", "now"],
      ["toTimestamp(now())", "toTimestamp"],
      ["blobAsText(email)", "blobAsText"],
      ["uuid()", "uuid"],
    ] as const
  ) {
    const error = await fails("query", selected(store, `SELECT ${call} FROM shop.people`));
    assert.match(error.message, new RegExp(`^The embedded store has no function "(${name}|now)"$`));
  }
  const json = await fails("query", selected(store, "SELECT JSON * FROM people"));
  assert.match(json.message, /SELECT JSON/);
});

test("select reads the keyspace's file and nothing else, and does not run for ever", async ({ store }) => {
  await init(store);
  await put(store, row(crypto.randomUUID(), { email: "a" }), row(crypto.randomUUID(), { email: "b" }));
  const endless = "SELECT * FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)";
  for (
    const statement of [
      endless,
      "SELECT * FROM pragma_database_list",
      "SELECT load_extension('x')",
      "SELECT hex(zeroblob(2000000000)) FROM people",
      "SELECT CASE WHEN email = 'b' THEN hex(zeroblob(2000000000)) END FROM people ORDER BY email",
      "SELECT id FROM people LIMIT 1.5",
      "SELECT * FROM people) SELECT (1",
      "SELECT $1, :a, @b FROM people",
      "ATTACH 'other.db' AS other",
      "PRAGMA journal_mode = DELETE",
      "WITH a AS (SELECT 1) SELECT * FROM a",
    ]
  ) await fails("query", selected(store, statement));
  const unknown = await fails("query", selected(store, "SELECT * FROM other.people"));
  assert.equal(unknown.message, 'The embedded store has no table "other.people"');
  const column = await fails("query", selected(store, `SELECT "e-mail" FROM people`));
  assert.match(column.message, /shop\.people has no column "e-mail"/);
});

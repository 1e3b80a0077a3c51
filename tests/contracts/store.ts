/** The contract suite of the store port: what holds for every store, whatever is behind it. */
import assert from "node:assert/strict";
import {
  type Check,
  checker,
  type ContractOptions,
  fails,
  has,
  id,
  type OpenStore,
  put,
  row,
  rows,
  T,
} from "./store_fixture.ts";
import { readingContract } from "./store_reading.ts";
import { tableContract } from "./store_table.ts";
import { typesContract } from "./store_types.ts";

export type { ContractOptions, OpenStore } from "./store_fixture.ts";

/**
 * Declares the suite's tests for one store. `open` is called with a table of a name never used before, once or
 * more in a test, and each time with the same keyspace; what it opens is closed by the suite.
 */
export function storeContract(name: string, open: OpenStore, options: ContractOptions = {}): void {
  const check = checker(name, open, options);
  tableContract(check);
  writeTimeContract(check);
  valuesContract(check);
  typesContract(check);
  readingContract(check);
}

/** I4: a row is replaced as a whole by a later write time, and by nothing else. */
function writeTimeContract(check: Check): void {
  const uuid = "64252866-d040-4e27-b9b2-2c72a03e4790";

  check("the same row twice is one row", async ({ ready }) => {
    const store = await ready();
    await put(store, row(uuid), row(uuid));
    await put(store, row(uuid));
    assert.equal(await store.count(), 1);
    await has(store, row(uuid));
  });

  check("an older copy never wins over a newer one", async ({ ready }) => {
    const store = await ready();
    const newer = row(uuid, { email: "new@example.com" }, T + 1_000);
    await put(store, newer);
    await put(store, row(uuid, { email: "old@example.com" }, T));
    await has(store, newer);
    assert.equal(await store.count(), 1);
  });

  check("a newer copy replaces an older one", async ({ ready }) => {
    const store = await ready();
    await put(store, row(uuid, { email: "old@example.com" }, T));
    const newer = row(uuid, { email: "new@example.com" }, T + 1_000);
    await put(store, newer);
    await has(store, newer);
  });

  check("of two records of one id in one millisecond the one with the later offset wins", async ({ ready }) => {
    const store = await ready();
    const [first, second] = rows(2);
    for (const [one, copies] of [[first, [41, 42]], [second, [42, 41]]] as const) {
      // Both orders, and each order also within one call.
      for (const offset of copies) await put(store, row(id(one), { email: `${offset}` }, T + offset));
      await has(store, row(id(one), { email: "42" }, T + 42));
      await put(store, ...copies.map((offset) => row(id(one), { email: `${offset + 2}` }, T + offset + 2)));
      await has(store, row(id(one), { email: "44" }, T + 44));
    }
  });

  check("a null in the newer copy is not filled from the older one", async ({ ready }) => {
    const store = await ready();
    const newer = row(uuid, { phone: null, dob: "1990-01-01" }, T + 1);
    await put(store, row(uuid, { phone: "123", dob: null }, T), newer);
    await has(store, newer);
    await put(store, row(uuid, { phone: "123", dob: null }, T));
    await has(store, newer);
  });

  check("a null in the older copy does not survive the newer one", async ({ ready }) => {
    const store = await ready();
    await put(store, row(uuid, { phone: null }, T));
    const newer = row(uuid, { phone: "123" }, T + 1);
    await put(store, newer);
    await has(store, newer);
  });

  check(
    "a row with a time to live goes by itself, wins over an older copy, and is back where it is written again",
    async ({ ready, open }) => {
      const store = await ready({ ttlSeconds: 2 });
      await put(store, row(uuid, {}, T + 1));
      await has(store, row(uuid, {}, T + 1));
      const deadline = Date.now() + 10_000;
      while ((await store.get([uuid])).length > 0) {
        assert(Date.now() < deadline, "the row is still there");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const lasting = await open();
      await put(lasting, row(uuid, {}, T));
      assert.deepEqual(await lasting.get([uuid]), []);
      assert.equal(await lasting.count(), 0);
      // Of two copies with one write time the one that expires counts, and of two that do the one that does so later.
      await put(lasting, row(uuid, {}, T + 1));
      assert.deepEqual(await lasting.get([uuid]), []);
      await put(store, row(uuid, {}, T + 1));
      await has(store, row(uuid, {}, T + 1));
      await put(lasting, row(uuid, {}, T + 2));
      await has(lasting, row(uuid, {}, T + 2));
    },
  );

  check("calls at the same time, and two stores on one table, lose nothing", async ({ ready, open }) => {
    const stores = [await ready(), await open()];
    const parts = Array.from({ length: 8 }, () => rows(200));
    await Promise.all(parts.map((part, n) => put(stores[n % 2], ...part, row(uuid, { email: `${n}` }, T + n))));
    assert.equal(await stores[0].count(), 1_601);
    await has(stores[1], row(uuid, { email: "7" }, T + 7));
  });
}

/** What a cell may be, and what becomes of a row that the store cannot take. */
function valuesContract(check: Check): void {
  check("every value comes back exactly as it was written", async ({ ready }) => {
    const store = await ready();
    const [one] = rows(1);
    const awkward = row(id(one), {
      first_name: "  محمد  ",
      last_name: 'O\'Brien "the" \\ \u200b\ufeff',
      gender: "",
      address: "👩‍👩‍👧 \u{10ffff} e\u0301 é\r\n\ttab",
      post_code: "00123",
      email: "1e5",
      username: "nul\0in the middle\0",
      dob: null,
      registered_date: "\ufeffbyte order mark",
      phone: "\0",
      picture: "1700000000000000000000",
    });
    await put(store, awkward);
    await has(store, awkward);
    const scanned = [];
    for await (const page of store.scan(["username", "id", "dob", "gender"])) scanned.push(...page);
    assert.deepEqual(scanned, [["nul\0in the middle\0", id(one), null, ""]]);
  });

  check("a row of nulls but for its key is a row", async ({ ready, table }) => {
    const store = await ready();
    const [{ values: [key] }] = rows(1);
    const empty = { values: table.columns.map((_, n) => n === 0 ? key : null), writeTime: T };
    await put(store, empty);
    // Its write time is left out: Cassandra tells that of a cell with a value only.
    assert.deepEqual((await store.get([key!])).map(({ values }) => values), [empty.values]);
    assert.equal(await store.count(), 1);
  });

  check("a row larger than a batch may be is stored", async ({ ready }) => {
    const store = await ready();
    const large = rows(3).map((one) => row(id(one), { address: "ä".repeat(100_000) }));
    await put(store, ...rows(20), large[0], ...rows(20), ...large.slice(1));
    for (const one of large) await has(store, one);
    assert.equal(await store.count(), 43);
  });

  check("an id in capitals is the same id", async ({ ready }) => {
    const store = await ready();
    const [one] = rows(1);
    await put(store, row(id(one).toUpperCase()));
    await has(store, one);
    assert.equal((await store.get([id(one).toUpperCase()])).length, 1);
    await put(store, one);
    assert.equal(await store.count(), 1);
  });

  check("no rows is nothing to do", async ({ ready }) => {
    const store = await ready();
    await put(store);
    assert.deepEqual(await store.get([]), []);
    assert.equal(await store.count(), 0);
  });

  check("a row that the store refuses is named with a reason, and the others are stored", async ({ ready }) => {
    const store = await ready();
    const good = rows(60);
    const bad = [
      row("not a uuid"),
      row(""),
      row(`${id(good[0])}0`),
      { ...row(id(good[0])), values: [null, ...row("").values.slice(1)] },
      row(crypto.randomUUID(), { email: "a lone \ud800 surrogate" }),
      { ...row(crypto.randomUUID()), values: [crypto.randomUUID(), "too few"] },
    ];
    const all = [...good.slice(0, 30), ...bad, ...good.slice(30)];
    const { refused, unwritten } = await store.write(all);
    assert.deepEqual(refused.map(({ index }) => index).sort((a, b) => a - b), bad.map((_, n) => 30 + n));
    assert.deepEqual(unwritten, []);
    for (const { reason } of refused) assert.match(reason, /\w/);
    assert.equal(await store.count(), good.length);
    assert.equal((await store.get(good.map(id))).length, good.length);
  });

  check("a call in which every row is refused names them all", async ({ ready }) => {
    const store = await ready();
    const { refused } = await store.write([row("x"), row("y"), row("z")]);
    assert.deepEqual(refused.map(({ index }) => index).sort(), [0, 1, 2]);
  });

  check("nothing is written or read before init", async ({ open }) => {
    const store = await open();
    const error = await fails("store-missing", store.write(rows(2)));
    assert.match(error.hint, /userpipe init/);
    await fails("store-missing", store.get([crypto.randomUUID()]));
    await fails("store-missing", store.count());
    await fails("store-missing", Array.fromAsync(store.scan(["id"])));
    const answer = await store.check();
    assert(!answer.ok);
    assert.equal(answer.error.code, "store-missing");
  });
}

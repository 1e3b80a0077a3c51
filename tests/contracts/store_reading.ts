/** The part of the store's contract suite about reading: counts, scans, keys and any one SELECT. */
import assert from "node:assert/strict";
import { type Check, fails, id, put, row, rows, selected } from "./store_fixture.ts";

const MANY = 10_000;

export function readingContract(check: Check): void {
  check("ten thousand rows are counted, scanned once each, and found by key", async ({ ready, from }) => {
    const store = await ready();
    const all = rows(MANY);
    await put(store, ...all);
    await put(store, ...all.slice(0, 500));

    const shares: number[] = [];
    let counted = 0;
    assert.equal(await store.count((share, rows) => (shares.push(share), counted = rows)), MANY);
    assert.equal(counted, MANY);
    assert.equal(shares.at(-1), 1);
    assert.deepEqual(shares, shares.toSorted((a, b) => a - b));

    const scanned: string[] = [];
    let [pages, share] = [0, 0];
    for await (const page of store.scan(["email", "id"], (now) => share = now)) {
      assert(page.length > 0 && page.length <= MANY / 2);
      for (const [email, id] of page) assert.equal(email, "a email"), scanned.push(id!);
      pages++;
    }
    assert(pages > 1);
    assert.equal(share, 1);
    const ids = all.map(id).sort();
    assert.deepEqual(scanned.sort(), ids);

    const some = ids.filter((_, n) => n % 4 === 0);
    const unknown = rows(100).map(id);
    const found = await store.get([...unknown, ...some]);
    assert.deepEqual(found.map(({ values }) => values[0]).sort(), some);

    assert.deepEqual((await selected(store, `SELECT id FROM ${from}`)).rows.flat().sort(), ids);
  });

  check("a scan and a SELECT whose reader stops are over, and the store goes on", async ({ ready, from }) => {
    const store = await ready();
    await put(store, ...rows(5_000));
    let seen = 0;
    for await (const page of store.scan(["id"])) {
      seen += page.length;
      break;
    }
    assert(seen > 0 && seen < 5_000);
    for await (const page of store.select(`SELECT id FROM ${from}`)) {
      assert(page.rows.length > 0 && page.rows.length < 5_000);
      break;
    }
    await put(store, ...rows(1));
    assert.equal(await store.count(), 5_001);
  });

  check("an empty table counts nothing and scans nothing", async ({ ready, from }) => {
    const store = await ready();
    assert.equal(await store.count(), 0);
    assert.deepEqual((await Array.fromAsync(store.scan(["id"]))).flat(), []);
    const { columns, rows } = await selected(store, `SELECT id, email FROM ${from}`);
    assert.deepEqual([columns, rows], [["id", "email"], []]);
  });

  check("select takes what CQL takes", async ({ ready, from, table }) => {
    const store = await ready();
    const [one, two, three] = rows(3);
    const obrien = row(id(one), { first_name: "O'Brien; -- not a comment", last_name: "nul\0inside" });
    await put(store, obrien, two, three);

    const only = async (statement: string) => (await selected(store, statement)).rows;
    assert.equal(Number((await only(`SELECT count(*) FROM ${from}`))[0][0]), 3);
    assert.equal((await only(`select id from ${from} limit 2;`)).length, 2);
    assert.deepEqual(await only(`SELECT "id", last_name FROM ${from} WHERE id = ${id(one)}`), [[
      id(one),
      "nul\0inside",
    ]]);
    assert.deepEqual(await only(`SELECT id FROM ${from} WHERE id = ${id(one).toUpperCase()}`), [[id(one)]]);
    assert.equal((await only(`SELECT id FROM ${from} WHERE id IN (${id(one)}, ${id(two)})`)).length, 2);
    const filtered = `SELECT id FROM ${from} WHERE first_name = 'O''Brien; -- not a comment' ALLOW FILTERING;`;
    assert.deepEqual(await only(filtered), [[id(one)]]);
    const dollars = `SELECT id FROM ${from} WHERE first_name = $$O'Brien; -- not a comment$$ ALLOW FILTERING`;
    assert.deepEqual(await only(dollars), [[id(one)]]);
    const commented = `-- first\n/* ; */ SELECT id // third\n FROM ${from} WHERE id = ${id(one)} ; -- last`;
    assert.deepEqual(await only(commented), [[id(one)]]);
    const { columns, rows: whole } = await selected(store, `SELECT * FROM ${from} WHERE id = ${id(two)}`);
    assert.deepEqual(columns.toSorted(), table.columns.map(({ name }) => name).sort());
    assert.deepEqual(whole.map((cells) => cells[columns.indexOf("email")]), ["a email"]);
  });

  check("select refuses whatever is not one SELECT, and changes nothing", async ({ ready, from }) => {
    const store = await ready();
    const [one] = rows(1);
    await put(store, one);
    const wrong = [
      "",
      " ; -- nothing",
      `INSERT INTO ${from} (id) VALUES (${crypto.randomUUID()})`,
      `UPDATE ${from} SET email = 'x' WHERE id = ${id(one)}`,
      `DELETE FROM ${from} WHERE id = ${id(one)}`,
      `/* SELECT */ TRUNCATE ${from}`,
      `DROP TABLE ${from}`,
      `SELECT id FROM ${from}; DELETE FROM ${from} WHERE id = ${id(one)}`,
      `SELECT id FROM ${from}; SELECT id FROM ${from}`,
      `SELECT 'not closed FROM ${from}`,
      `SELECT nothing_like_it FROM ${from}`,
      `SELECT id FROM ${from}_that_is_not_there`,
      `SELECT nothing_like_it(id) FROM ${from}`,
      `SELECT id FROM ${from} WHERE id = ?`,
      `SELECT FROM WHERE`,
    ];
    for (const statement of wrong) await fails("query", selected(store, statement));
    assert.equal(await store.count(), 1);
  });
}

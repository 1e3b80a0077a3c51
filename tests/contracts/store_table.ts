/** The part of the store's contract suite about the table itself: `init`, what it finds, and `migrate`. */
import assert from "node:assert/strict";
import { type Check, COLUMNS, fails, has, id, put, row, rows, selected, T } from "./store_fixture.ts";

const CREATE = { migrate: false, dryRun: false };
const MIGRATE = { migrate: true, dryRun: false };

export function tableContract(check: Check): void {
  check("init makes the table, and the second time changes nothing", async ({ open, table }) => {
    const store = await open();
    const made = await store.init(CREATE);
    const change = made.find(({ what }) => what.includes(table.name));
    assert.equal(change?.state, "made");
    assert.match(change!.statement, /CREATE TABLE/);
    assert.equal((await store.check()).ok, true);
    const [one] = rows(1);
    await put(store, one);
    for (const options of [CREATE, MIGRATE, { migrate: true, dryRun: true }]) {
      const found = await store.init(options);
      assert(found.length > 0);
      assert.deepEqual(found.map(({ state }) => state), found.map(() => "exists"));
    }
    await has(store, one);
  });

  check("a dry run of init shows the statements and makes nothing", async ({ open, table }) => {
    const store = await open();
    const planned = await store.init({ migrate: true, dryRun: true });
    const change = planned.find(({ what }) => what.includes(table.name));
    assert.equal(change?.state, "would-make");
    assert.match(change!.statement, /CREATE TABLE/);
    for (const { name } of table.columns) assert(change!.statement.includes(name));
    await fails("store-missing", store.write(rows(1)));
  });

  check("a column that is missing is named, and migrate adds it", async ({ ready, open }) => {
    const without = COLUMNS.filter(({ name }) => name !== "dob");
    const older = await ready({ columns: without });
    const [old] = rows(1);
    const kept = without.map(({ name }) => old.values[COLUMNS.findIndex((column) => column.name === name)]);
    await put(older, { values: kept, writeTime: T });

    const store = await open();
    const error = await fails("table-differs", store.init(CREATE));
    assert.match(error.message, /"?dob"?/);
    assert.match(error.hint, /init --migrate/);
    const planned = await store.init({ migrate: true, dryRun: true });
    assert(planned.some(({ state, statement }) => state === "would-change" && /ALTER TABLE.*dob/s.test(statement)));
    await fails("table-differs", store.init(CREATE));
    const changed = await store.init(MIGRATE);
    assert(changed.some(({ state, statement }) => state === "changed" && /ALTER TABLE.*dob/s.test(statement)));

    await has(store, row(id(old), { dob: null }));
    const [one] = rows(1);
    await put(store, one);
    await has(store, one);
    assert((await store.init(CREATE)).every(({ state }) => state === "exists"));
  });

  check("a column that is not ours is left alone", async ({ ready, open, from }) => {
    const wider = await ready({ columns: [...COLUMNS, { name: "note", type: "text" }] });
    const [one] = rows(1);
    await put(wider, { values: [...one.values, "keep me"], writeTime: T });
    const store = await open();
    assert((await store.init(MIGRATE)).every(({ state }) => state === "exists"));
    await has(store, one);
    const newer = row(id(one), { email: "new@example.com" }, T + 1);
    await put(store, newer);
    await has(store, newer);
    assert.deepEqual((await selected(store, `SELECT note FROM ${from} WHERE id = ${id(one)}`)).rows, [["keep me"]]);
  });

  check("a column of another type is an error that migrate does not mend", async ({ ready, open }) => {
    await ready({ columns: COLUMNS.map((column) => column.name === "dob" ? { name: "dob", type: "uuid" } : column) });
    const store = await open();
    for (const options of [CREATE, MIGRATE]) {
      const error = await fails("table-differs", store.init(options));
      assert.match(error.message, /"?dob"?.*uuid/s);
    }
    assert.equal((await store.check()).ok, false);
  });

  check("a table with another primary key is an error", async ({ ready, open }) => {
    const [first, second, ...rest] = COLUMNS;
    await ready({ columns: [second, first, ...rest] });
    const store = await open();
    await fails("table-differs", store.init(MIGRATE));
  });
}

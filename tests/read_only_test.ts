/** Reading a data folder that may not be written, in each state that its writer may have left it in. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { UserpipeError } from "../src/errors.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { message, numbered, readAll, spec } from "./contracts/broker_kit.ts";
import { COLUMNS, put, rows, selected } from "./contracts/store_fixture.ts";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";
import { asRoot, cannotBeReadOnly, done, readOnly } from "./support/read_only.ts";

const TABLE = { keyspace: "shop", name: "people", columns: COLUMNS };
const missing = await cannotBeReadOnly();

/** A folder with ten messages and ten rows, as each of `left` leaves it: its writer gone, killed, or at work. */
function test(name: string, left: "closed" | "log" | "log without index"): void {
  Deno.test({
    name: `read-only: ${name}${missing ? ` (skipped: ${missing})` : ""}`,
    ignore: missing !== undefined,
    fn: async () => {
      const written = await Deno.makeTempDir({ prefix: "userpipe-ro-" });
      const folder = await Deno.makeTempDir({ prefix: "userpipe-ro-" });
      try {
        await write(written, async () => {
          if (left !== "closed") await copy(written, folder, left === "log");
        });
        if (left === "closed") await copy(written, folder, true);
        await readOnly(folder, () => readsAndWritesNot(folder));
      } finally {
        for (const each of [written, folder]) await Deno.remove(each, { recursive: true });
      }
    },
  });
}

async function write(folder: string, before: () => Promise<void>): Promise<void> {
  const broker = openSqliteBroker({ path: join(folder, "topics.db") });
  const store = openSqliteStore({ dataDir: folder, table: TABLE });
  try {
    await broker.init([spec("topic")], { dryRun: false });
    await broker.publish("topic", numbered(10));
    await store.init({ migrate: false, dryRun: false });
    await put(store, ...rows(10));
    await before();
  } finally {
    await broker.close();
    await store.close();
  }
}

/** The databases, with their logs, with or without the indices of these. */
async function copy(from: string, to: string, indices: boolean): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile && (indices || !name.endsWith("-shm"))) await Deno.copyFile(join(from, name), join(to, name));
  }
}

async function readsAndWritesNot(folder: string): Promise<void> {
  const broker = openSqliteBroker({ path: join(folder, "topics.db") });
  const store = openSqliteStore({ dataDir: folder, table: TABLE });
  const refused = (error: unknown) => error instanceof UserpipeError && error.code === "data-folder";
  try {
    assert.equal((await readAll(broker, "topic")).length, 10);
    assert.equal(await store.count(), 10);
    assert.deepEqual((await selected(store, "SELECT count(*) FROM people")).rows, [[10]]);
    await assert.rejects(broker.publish("topic", [message("more")]), refused);
    await assert.rejects(broker.init([spec("topic"), spec("other")], { dryRun: false }), refused);
    await assert.rejects(store.write(rows(1)), refused);
    assert.equal((await readAll(broker, "topic")).length, 10);
  } finally {
    await broker.close();
    await store.close();
  }
}

Deno.test({
  name: `a folder that may not be written is said to be, by commands that write: whose it is, who asks, what to do${
    missing ? ` (skipped: ${missing})` : ""
  }`,
  ignore: missing !== undefined,
  fn: () =>
    withFolder(async (cwd) => {
      await succeeds(["init"], { cwd });
      const data = join(cwd, "userpipe-data");
      const what = asRoot
        ? /: the file system of the folder ".*userpipe-data" is read-only\n {2}Mount it so that it can be written/
        : /: the folder ".*userpipe-data" may not be written by user \d+: it is of user \d+, with the mode \d+\n {2}Allow it/;
      await readOnly(data, async () => {
        for (
          const args of [["ingest", "--generate", "1"], ["trigger"], ["backfill", "--seed", "a", "--pages", "1..2"]]
        ) {
          const { code, stderr } = await userpipe(args, { cwd });
          assert.equal(code, 2, stderr);
          assert.match(stderr, what, args.join(" "));
        }
      });
    }),
});

test("what its writer closed", "closed");
test("what its writer left a log beside", "log");
test("what its writer left a log beside, without the log's index", "log without index");

Deno.test({
  name: `read-only: what others write meanwhile is seen${asRoot && !missing ? "" : " (skipped: it wants root)"}`,
  ignore: !asRoot || missing !== undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "userpipe-ro-" });
    const seen = await Deno.makeTempDir({ prefix: "userpipe-ro-" });
    try {
      await write(folder, async () => {});
      await done("mount", "--bind", "-o", "ro", folder, seen);
      const reader = openSqliteBroker({ path: join(seen, "topics.db") });
      const writer = openSqliteBroker({ path: join(folder, "topics.db") });
      try {
        assert.equal((await readAll(reader, "topic")).length, 10);
        await writer.publish("topic", numbered(5));
        assert.equal((await readAll(reader, "topic")).length, 15);
        await writer.publish("topic", numbered(5));
        assert.equal((await readAll(reader, "topic")).length, 20);
      } finally {
        await writer.close();
        await reader.close();
        await done("umount", seen);
      }
    } finally {
      for (const each of [folder, seen]) await Deno.remove(each, { recursive: true });
    }
  },
});

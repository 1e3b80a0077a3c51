/** The embedded record of runs: its contract, what it brings forward of earlier versions, and its size and speed. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Runs } from "../src/runs/runs.ts";
import { openSqliteRuns, type SqliteRunsOptions } from "../src/runs/sqlite.ts";
import { MIGRATIONS } from "../src/runs/sqlite_schema.ts";
import { runsContract } from "./contracts/runs.ts";
import { newRun, SCHEDULE, TARGET } from "./contracts/runs_kit.ts";
import { withFolder } from "./support/cli.ts";
import { liveFigures } from "./support/live.ts";
import { cannotBeReadOnly, readOnly } from "./support/read_only.ts";

const LEASE_MS = 1_000;

runsContract("embedded runs", async () => {
  const folder = await Deno.makeTempDir();
  const opened: Runs[] = [];
  return {
    leaseMs: LEASE_MS,
    goneMs: 30_000,
    async open() {
      const runs = openSqliteRuns(join(folder, "runs.db"), { leaseMs: LEASE_MS });
      opened.push(runs);
      // Nothing of it runs by itself, and its lock is freed as the kernel would.
      return { runs, crash: () => runs.close(), freeze: async () => {}, thaw: async () => {} };
    },
    async close() {
      // One that stands for a process that is gone is closed twice.
      for (const runs of opened) await runs.close().catch(() => {});
      await Deno.remove(folder, { recursive: true });
    },
  };
});

/** With the path of a record; what is opened by it is closed. */
async function withPath(
  work: (path: string, open: (options?: SqliteRunsOptions) => Runs) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, "runs.db");
    const opened: Runs[] = [];
    try {
      await work(path, (options) => opened[opened.push(openSqliteRuns(path, options)) - 1]!);
    } finally {
      for (const runs of opened) await runs.close().catch(() => {});
    }
  });
}

function write(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

Deno.test("a record from before runs had attempts is brought forward; what it does not say is not fetched again", () =>
  withPath(async (path, open) => {
    write(
      path,
      `CREATE TABLE run (id TEXT PRIMARY KEY, started_at INTEGER NOT NULL, source TEXT NOT NULL, seed TEXT,
        page INTEGER, count INTEGER, state TEXT NOT NULL, ended_at INTEGER, fetched INTEGER, published INTEGER,
        refused INTEGER, error TEXT, outbox INTEGER) STRICT, WITHOUT ROWID;
      INSERT INTO run VALUES ('1', 10, 'https://s', 'a', 1, 5, 'delivered', 20, 5, 4, 1, NULL, 0),
        ('2', 30, 'https://s', 'b', 1, 5, 'running', NULL, NULL, NULL, NULL, NULL, NULL),
        ('0', 5, 'users.json', NULL, NULL, NULL, 'failed', 7, 0, 0, 0, 'why', 0);
      PRAGMA user_version = 2`,
    );
    const runs = open();
    const states = (await runs.list({})).map(({ id, state, sourceKind }) => [id, state, sourceKind]);
    assert.deepEqual(states, [["2", "interrupted", "http"], ["1", "delivered", "http"], ["0", "failed", "file"]]);
    assert.deepEqual(await runs.interrupted({ pipeline: "", broker: "embedded", topic: "" }), []);
    assert.match((await runs.retry("2"))!, /not whole on record/);
    const { tries, queuedAt, startedAt, endedAt, published, error } = (await runs.get("1"))!;
    assert.deepEqual({ queuedAt, startedAt, endedAt, published, error }, {
      ...{ queuedAt: 10, startedAt: 10, endedAt: 20, published: 4, error: null },
    });
    const counts = { fetched: 5, published: 4, outbox: 0, refused: 1, bytes: 0 };
    assert.deepEqual(tries, [{ number: 1, startedAt: 10, endedAt: 20, error: null, nextAt: null, ...counts }]);
    assert.equal((await runs.get("0"))!.error, "why");
    assert.equal(await runs.prune(1_000), 3);
  }));

Deno.test("a record from before runs were scheduled is brought forward; what was cut by a person is not fetched again", () =>
  withPath(async (path, open) => {
    write(
      path,
      `${MIGRATIONS.slice(0, 3).join(";\n")};
      INSERT INTO run (id, started_at, source, seed, page, count, state, kind, source_kind, url, nat, pipeline, broker, topic, owner)
        VALUES ('cut', 10, 'http://s', 'a', 2, 5, 'cut', 'manual', 'http', NULL, 'gb', 'users', 'embedded', 't', NULL),
          ('left', 20, 'http://s', 'b', 1, 5, 'interrupted', 'scheduled', 'http', 'http://s/', NULL, 'users', 'embedded', 't', NULL),
          ('file', 25, 'f', NULL, NULL, NULL, 'interrupted', 'manual', 'file', NULL, NULL, 'users', 'embedded', 't', NULL),
          ('killed', 30, 'http://s', 'c', 1, 5, 'running', 'manual', 'http', NULL, NULL, 'users', 'embedded', 't', 'gone');
      INSERT INTO attempt VALUES ('cut', 1, 10, 15, 3, 3, 0, 0, NULL), ('left', 1, 20, NULL, NULL, NULL, NULL, NULL, NULL),
        ('left', 2, 22, 24, 0, 0, 0, 0, 'away'), ('file', 1, 25, NULL, NULL, NULL, NULL, NULL, NULL),
        ('killed', 1, 30, NULL, NULL, NULL, NULL, NULL, NULL);
      PRAGMA user_version = 3`,
    );
    const runs = open();
    const found = await runs.interrupted(TARGET);
    assert.deepEqual(found.map(({ id, attempts, error }) => [id, attempts, error]), [["left", 2, "away"], [
      "killed",
      1,
      null,
    ]]);
    assert.deepEqual((await runs.list({})).map(({ state }) => state), Array(4).fill("interrupted"));
    const { endedAt, fetched, nat, page, scheduledAt, target } = (await runs.get("cut"))!;
    assert.deepEqual({ endedAt, fetched, nat, page, scheduledAt, target }, {
      ...{ endedAt: 15, fetched: 3, nat: "gb", page: 2, scheduledAt: null, target: TARGET },
    });
    assert.equal(await runs.retry("cut"), null);
    assert.equal(await runs.again("left"), 3);
    assert.equal(await runs.again("killed"), 2);
  }));

Deno.test("what processes that are gone left in the folder of owners is cleared away", () =>
  withPath(async (path, open) => {
    const runs = open();
    await runs.begin(newRun("1"));
    const [own] = [...Deno.readDirSync(`${path}-owners`)];
    Deno.writeTextFileSync(join(`${path}-owners`, "killed"), "");
    await runs.interrupted(TARGET);
    assert.deepEqual([...Deno.readDirSync(`${path}-owners`)], [own]);
    await runs.close();
    assert.deepEqual([...Deno.readDirSync(`${path}-owners`)], []);
  }));

Deno.test("whoever only looks makes no file, and sees the record once there is one", () =>
  withPath(async (path, open) => {
    const looking = open({ make: false });
    assert.deepEqual([await looking.list({}), await looking.get("1"), await looking.schedules()], [[], null, []]);
    assert.deepEqual([(await looking.stats(0)).runs, await looking.pause("s", true)], [0, false]);
    assert.match((await looking.retry("1"))!, /no run/);
    assert.deepEqual([...Deno.readDirSync(dirname(path))], []);
    const runs = open();
    await runs.begin(newRun("1"));
    assert.deepEqual((await looking.list({})).map(({ id, state }) => [id, state]), [["1", "running"]]);
    await runs.close();
    assert.equal((await looking.get("1"))!.state, "interrupted");
  }));

Deno.test("the live figures of whoever only looks make no folder", () =>
  withFolder(async (folder) => {
    const path = join(folder, "data", "runs.db");
    const looking = openSqliteRuns(path, { make: false });
    try {
      await looking.live.put(liveFigures("a", Date.now()));
      assert.deepEqual([...Deno.readDirSync(folder)], []);
      await Deno.mkdir(dirname(path));
      await looking.live.put(liveFigures("a", Date.now()));
      assert.equal((await looking.live.since(0)).length, 1);
    } finally {
      await looking.close();
    }
  }));

const missing = await cannotBeReadOnly();

Deno.test({
  name: `a record in a folder that may not be written is seen as it is${missing ? ` (skipped: ${missing})` : ""}`,
  ignore: missing !== undefined,
  fn: () =>
    withPath(async (path, open) => {
      const runs = open();
      await runs.begin(newRun("1"));
      await runs.lead(SCHEDULE);
      const [own] = [...Deno.readDirSync(`${path}-owners`)];
      await runs.close();
      Deno.writeTextFileSync(join(`${path}-owners`, own!.name), "");
      await readOnly(dirname(path), async () => {
        const looking = open({ make: false });
        try {
          assert.deepEqual((await looking.list({})).map(({ state }) => state), ["running"]);
          assert.equal((await looking.stats(0)).runs, 1);
          assert.equal((await looking.schedules())[0]!.led, false, "whose it was is gone");
          assert.equal((await looking.check()).ok, true);
          await assert.rejects(looking.retry("1"), { code: "data-folder" });
        } finally {
          await looking.close();
        }
      });
    }),
});

Deno.test("a process that is gone leads no more, at once", () =>
  withPath(async (_, open) => {
    const [gone, runs] = [open(), open()];
    assert.ok(await gone.lead(SCHEDULE));
    assert.equal(await runs.lead(SCHEDULE), null);
    assert.equal((await runs.schedules())[0]!.led, true);
    await gone.close();
    assert.equal((await runs.schedules())[0]!.led, false);
    assert.ok(await runs.lead(SCHEDULE));
  }));

Deno.test("a lease and a quota that a clock from the future gave do not hold", () =>
  withPath(async (_, open) => {
    const [one, other] = [open(), open()];
    const limit = { records: 10, windowMs: 300 };
    const now = Date.now;
    Date.now = () => now() + 3_600_000;
    try {
      assert.ok(await one.lead(SCHEDULE));
      assert.equal(await one.reserve("api", 10, limit), null);
    } finally {
      Date.now = now;
    }
    assert.ok(await other.lead(SCHEDULE));
    const until = (await other.reserve("api", 1, limit))?.until ?? null;
    assert.ok(until! <= Date.now() + limit.windowMs, String(until! - Date.now()));
  }));

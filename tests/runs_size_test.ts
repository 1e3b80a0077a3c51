/** 100,000 runs on the embedded record: how large it is, and how soon it answers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { newRun, TARGET } from "./contracts/runs_kit.ts";
import { withFolder } from "./support/cli.ts";
import { fillRecord } from "./support/many_runs.ts";

const MANY = 100_000;
/** All figures are far below it, but for the largest ones; a busy machine takes its time. */
const SOON_MS = 200;

const sizeOf = (path: string) => Deno.statSync(path).size;

/** How long it takes, at best of three. */
async function fastest(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 3; n++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}

Deno.test("a record of 100,000 runs is under 100 MB, opens and answers as one of a few, and shrinks with what is pruned", () =>
  withFolder(async (folder) => {
    const path = join(folder, "runs.db");
    await fillRecord(path, MANY, 3);
    assert.ok(sizeOf(path) < 100e6, `${sizeOf(path)} bytes`);
    assert.ok(await fastest(() => openSqliteRuns(path).close()) < SOON_MS);
    const runs = openSqliteRuns(path);
    let id = 0;
    const work: Record<string, () => Promise<unknown>> = {
      list: async () => assert.equal((await runs.list({ limit: 50 })).length, 50),
      failed: async () => assert.equal((await runs.list({ states: ["failed"] })).length, 50),
      since: async () => assert.equal((await runs.list({ since: Date.now() - 150_000 })).length, 2),
      take: () => runs.takeQueued(TARGET, ["manual"]),
      interrupted: () => runs.interrupted(TARGET),
      begin: () => runs.begin(newRun(String(++id))),
      get: () => runs.get("1"),
      find: () => runs.find("1"),
      week: () => runs.stats(Date.now() - 7 * 86_400_000),
      check: () => runs.check(),
    };
    for (const [name, what] of Object.entries(work)) {
      const ms = await fastest(what);
      assert.ok(ms < SOON_MS, `${name} took ${ms} ms`);
    }
    const full = sizeOf(path);
    assert.equal(await runs.prune(0, 10_000), MANY - 10_000);
    assert.equal((await runs.list({ limit: MANY })).length, 10_003);
    assert.equal((await runs.stats(0)).states.running, 3);
    await runs.close();
    assert.ok(sizeOf(path) < full / 5, `${sizeOf(path)} of ${full} bytes are left`);
  }));

Deno.test("of more log than the record keeps, that of the oldest runs goes", () =>
  withFolder(async (folder) => {
    const path = join(folder, "runs.db");
    await fillRecord(path, 4_000, 100);
    const runs = openSqliteRuns(path);
    const ids = (await runs.list({ limit: 4_000 })).map(({ id }) => id).reverse();
    const lines = async (n: number) => (await runs.get(ids[n]!))!.log.length;
    assert.deepEqual([await lines(0), await lines(1_500)], [100, 100]);
    assert.equal(await runs.prune(0), 0);
    assert.deepEqual([await lines(0), await lines(999), await lines(1_000), await lines(3_999)], [0, 0, 100, 100]);
    await runs.close();
  }));

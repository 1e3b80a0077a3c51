/** The record of runs is moved away or replaced while it is open: who writes to it says so and ends, who looks sees what is there. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Runs } from "../src/runs/runs.ts";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { newRun, SCHEDULE, TARGET } from "./contracts/runs_kit.ts";
import { start, succeeds, withFolder } from "./support/cli.ts";
import { serveRandomUsers } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { MINUTE } from "./support/schedule.ts";

/** Windows moves no file that is open. */
const ignore = Deno.build.os === "windows";

/** What happens to the record in a folder of data that is open. */
const HAPPENS: [what: string, make: (dataDir: string, path: string) => void][] = [
  ["removed", (_, path) => Deno.removeSync(path)],
  ["moved away with its folder", (dataDir) => Deno.renameSync(dataDir, `${dataDir}.old`)],
  ["replaced by a copy", (_, path) => {
    Deno.copyFileSync(path, `${path}.copy`);
    Deno.renameSync(`${path}.copy`, path);
  }],
];

async function withRecord(work: (dataDir: string, path: string, open: (make: boolean) => Runs) => Promise<void>) {
  await withFolder(async (folder) => {
    const [dataDir, opened] = [join(folder, "data"), [] as Runs[]];
    const path = join(dataDir, "runs.db");
    try {
      await work(dataDir, path, (make) => opened[opened.push(openSqliteRuns(path, { make })) - 1]!);
    } finally {
      for (const runs of opened) await runs.close();
    }
  });
}

for (const [what, happens] of HAPPENS) {
  Deno.test({
    name: `nothing is written to a record that was ${what}, also by who waits or reads`,
    ignore,
    fn: () =>
      withRecord(async (dataDir, path, open) => {
        const runs = open(true);
        await runs.begin(newRun("1"));
        const lead = (await runs.lead(SCHEDULE))!;
        const waits = runs.changed(new AbortController().signal);
        happens(dataDir, path);
        const expected = { code: "data-folder", message: `"${path}" was moved away or replaced while it was open` };
        await assert.rejects(waits, expected);
        await assert.rejects(runs.lead(SCHEDULE), expected);
        await assert.rejects(runs.tick(lead, []), expected);
        await assert.rejects(runs.log("1", [{ attempt: 1, at: 0, level: "info", text: "" }]), expected);
        await assert.rejects(runs.interrupted(TARGET), expected);
        await assert.rejects(runs.list({}), expected);
        assert.equal((await runs.check()).ok, false);
      }),
  });

  Deno.test({
    name: `a schedule whose record was ${what} says so and ends`,
    ignore,
    fn: () =>
      withFolder(async (cwd) => {
        await using server = serveRandomUsers(records(50));
        const [dataDir, clock] = [join(cwd, "data"), join(cwd, "clock")];
        const path = join(dataDir, "runs.db");
        const time = Math.ceil(Date.now() / MINUTE) * MINUTE;
        const set = (to: number) => {
          Deno.writeTextFileSync(`${clock}.new`, String(to));
          Deno.renameSync(`${clock}.new`, clock);
        };
        set(time);
        const env = { USERPIPE_DATA_DIR: dataDir, USERPIPE_TEST_TICKS: clock };
        await succeeds(["init"], { cwd, env });
        await using running = start(["ingest", "--every", "1m", "--url", server.url, "--count", "50"], { cwd, env });
        await running.printed("delivered fetched 50");
        happens(dataDir, path);
        set(time + MINUTE);
        await running.printed(/runs\.db" was moved away or replaced while it was open\n.*then start again/, 10_000);
        assert.equal(await running.ended, 2, running.output);
      }),
  });
}

Deno.test({
  name: "whoever only looks sees the record that is there now, and none where there is none",
  ignore,
  fn: () =>
    withRecord(async (dataDir, path, open) => {
      const first = open(true);
      await first.begin(newRun("1"));
      const looking = open(false);
      const seen = async () => (await looking.list({})).map(({ id }) => id);
      assert.deepEqual(await seen(), ["1"]);
      Deno.renameSync(dataDir, `${dataDir}.old`);
      assert.deepEqual(await seen(), []);
      await open(true).begin(newRun("2"));
      assert.deepEqual(await seen(), ["2"]);
      // With its log beside it SQLite would make it whole again.
      for (const each of [path, `${path}-wal`, `${path}-shm`]) Deno.removeSync(each);
      Deno.writeTextFileSync(path, "no record ".repeat(1_000));
      await assert.rejects(looking.list({}), { code: "data-folder" });
      await assert.rejects(looking.list({}), { code: "data-folder" });
      Deno.removeSync(dataDir, { recursive: true });
      assert.deepEqual(await seen(), []);
    }),
});

/** The commands of runs on a record in Postgres, from a data folder of their own, and where the password comes from. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { start, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { at, IGNORE, SKIPPED, testPostgres } from "./support/postgres.ts";
import { secretFile } from "./support/secrets.ts";

/** The address decides, whatever the environment has: only a password that it lacks may come from there. */
const MISLEADING = {
  ...{ PGHOST: "nowhere.invalid", PGPORT: "1", PGDATABASE: "nowhere", PGUSER: "nobody", PGSSL: "require" },
  ...{ PGTARGETSESSIONATTRS: "bogus", PGMAX: "0", PGFETCH_TYPES: "", PGPREPARE: "" },
};

Deno.test({
  name: `runs, status, trigger and pause work from another folder on a record in Postgres${SKIPPED}`,
  ignore: IGNORE,
  fn: () =>
    withFolder(async (cwd) => {
      await using postgres = await testPostgres();
      const url = await postgres.database();
      const password = decodeURIComponent(new URL(url).password);
      const address = at(url, { password: "" });
      const [one, other] = ["one", "other"].map((name) => join(cwd, name));
      for (const folder of [one!, other!]) {
        await Deno.mkdir(folder);
        await succeeds(["init"], { cwd: folder });
      }
      const env = { USERPIPE_RUNS: url };
      await using running = start(["ingest", "--every", "1d", "--generate", "40"], { cwd: one!, env });
      await running.printed("delivered fetched 40, ");
      await running.printed("for many machines name a Kafka");
      assert.match(await succeeds(["trigger", "--wait"], { cwd: other!, env }), /^delivered fetched 40, /);
      await succeeds(["pause"], { cwd: other!, env });
      const status = JSON.parse(await succeeds(["status"], { cwd: other!, env }));
      assert.deepEqual([status.schedules[0].running, typeof status.schedules[0].paused], [true, "string"]);
      assert.equal(status.runs.length, 2);

      const file = await secretFile(cwd, "password", password);
      const list = ["runs", "--runs", address];
      for (
        const [args, more] of [
          [["runs"], { USERPIPE_RUNS: url, PGPASSWORD: "wrong" }],
          [list, { PGPASSWORD: password }],
          [[...list, "--runs-password-file", file], {}],
        ] as [string[], Record<string, string>][]
      ) {
        const shown = await succeeds(args, { cwd: other!, env: { ...MISLEADING, ...more } });
        assert.equal(shown.trimEnd().split("\n").length, 2);
      }

      const shown = await userpipe(["runs", "--runs", url], { cwd: other! });
      assert.equal(shown.code, 2);
      const nowhere = await userpipe([...list, "--runs-password-file", join(cwd, "nothing")], { cwd: other! });
      assert.equal(nowhere.code, 2);
      assert.match(nowhere.stderr, /Cannot read the password of the record of runs in ".*nothing"/);
      const away = at(url, { port: "1" });
      const unreached = await userpipe(["runs"], { cwd: other!, env: { USERPIPE_RUNS: away } });
      assert.equal(unreached.code, 3);
      const doctor = await userpipe(["doctor", "--generate", "1"], { cwd: other!, env: { USERPIPE_RUNS: away } });
      assert.equal(doctor.code, 1);
      for (const { stdout, stderr } of [unreached, doctor]) {
        assert.match(`${stdout}${stderr}`, /Cannot reach Postgres/);
      }
      running.signal("SIGTERM");
      assert.equal(await running.ended, 0, running.output);
    }),
});

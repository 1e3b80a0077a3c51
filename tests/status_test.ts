/** `status`: what it tells people and programs, when it exits with 1, and that an end that is away does not hold it up. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { type CliOptions, start, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { makeRecord, newRun, SCHEDULE } from "./support/runs_record.ts";

interface Plain {
  ok: boolean;
  wrong: { what: string; hint: string }[];
  // deno-lint-ignore no-explicit-any
  [part: string]: any;
}

async function statusOf(options: CliOptions, ...args: string[]): Promise<{ code: number; status: Plain }> {
  const { code, stdout, stderr } = await userpipe(["status", ...args], options);
  assert.equal(stdout.trimEnd().split("\n").length, 1, stdout + stderr);
  return { code, status: JSON.parse(stdout) };
}

const whatsOf = ({ wrong }: Plain) => wrong.map(({ what }) => what);

Deno.test("where all is well, status is one JSON object in a pipe and exits with 0", () =>
  withFolder(async (cwd) => {
    await succeeds(["init", "--partitions", "2"], { cwd });
    await succeeds(["ingest", "--generate", "7"], { cwd });
    await succeeds(["stream", "--until-caught-up"], { cwd });
    await succeeds(["ingest", "--generate", "3"], { cwd });
    const { code, status } = await statusOf({ cwd });
    assert.deepEqual([code, status.ok, status.wrong], [0, true, []]);
    const { at, runs, health, ...parts } = status;
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
    assert.deepEqual(runs.map(({ published }: { published: number }) => published), [3, 7]);
    assert.deepEqual(Object.keys(health), ["broker", "store", "runs"]);
    assert.ok(Date.parse(parts.table.counted) > 0);
    delete parts.table.counted;
    assert.deepEqual(parts, {
      ...{ ok: true, wrong: [], schedules: [], outbox: null },
      queued: { runs: 0, more: false },
      topic: { name: "users_created", partitions: 2, records: 10 },
      lag: { group: "userpipe", records: 3 },
      table: { name: "spark_streams.created_users", rows: 7 },
      deadLetters: { topic: "users_created.dlq", waiting: 0, counted: true },
    });
    const screen = await succeeds(["status", "--format", "table"], { cwd });
    assert.match(screen, /^now +20\d\d-.*\nstate +all is well\nschedule +none on record\ntopic +"users_created": 10 /);
    assert.match(screen, /\nlag +3 records behind, group "userpipe"\n/);
    assert.match(screen, /\nrun +kind +state .*\n[0-9a-f]{8} +manual +delivered /);
  }));

Deno.test("status makes no file, and says what is not there", () =>
  withFolder(async (cwd) => {
    const { code, status } = await statusOf({ cwd });
    assert.equal(code, 1);
    assert.deepEqual(status.runs, []);
    assert.match(whatsOf(status).join(), /There is no topic "users_created".*There is no table/s);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), []);
  }));

Deno.test("a schedule that nobody runs is wrong until it is paused, and so is a last run that failed", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await makeRecord(cwd);
    const { code, status } = await statusOf({ cwd });
    assert.equal(code, 1);
    assert.deepEqual(whatsOf(status), ["No process runs the schedule every 1m"]);
    assert.match(JSON.stringify(status), /Start one with userpipe ingest --every 1m or userpipe up/);
    const [schedule] = status.schedules;
    assert.deepEqual([schedule.name, schedule.text, schedule.running, schedule.paused], [
      ...[SCHEDULE, "every 1m", false, null],
    ]);
    const now = Date.parse(status.at);
    const next = (Math.floor(now / 60_000) + 1) * 60_000;
    assert.deepEqual(schedule.next.map(Date.parse), [next, next + 60_000, next + 120_000]);
    assert.deepEqual(status.queued, { runs: 1, more: false });
    await succeeds(["pause"], { cwd });
    assert.match(await succeeds(["status", "--format", "table"], { cwd }), /\nwaiting +1 run queued\n\nrun +kind /);
    const paused = await statusOf({ cwd });
    assert.deepEqual([paused.code, paused.status.schedules[0].next], [0, []]);
    assert.match(paused.status.schedules[0].paused, /^20\d\d-/);

    const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"));
    try {
      await runs.begin(newRun("page", "backfill"));
      const nothing = { fetched: 0, published: 0, outbox: 0, refused: 0, bytes: 0, again: false, nextAt: null };
      await runs.end("page", { ...nothing, state: "failed", endedAt: Date.now(), error: "a page" });
      assert.equal((await statusOf({ cwd })).code, 0, "a page of a backfill");
      await runs.begin(newRun("cut", "manual"));
      await runs.end("cut", { ...nothing, state: "interrupted", endedAt: Date.now(), error: null });
      assert.equal((await statusOf({ cwd })).code, 0, "a run that its person ended");
      await runs.begin(newRun("bad", "manual"));
      await runs.end("bad", { ...nothing, state: "failed", endedAt: Date.now(), error: "no name" });
    } finally {
      await runs.close();
    }
    const failed = await statusOf({ cwd });
    assert.equal(failed.code, 1);
    assert.deepEqual(failed.status.wrong, [{
      what: "The last run failed: no name",
      hint: "See userpipe runs show bad",
    }]);
  }));

Deno.test("ends that never answer cost a few seconds, and what does not need them is shown", () =>
  withFolder(async (cwd) => {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted: Deno.Conn[] = [];
    const accepting = (async () => {
      for await (const connection of silent) accepted.push(connection);
    })();
    try {
      await makeRecord(cwd);
      const address = `127.0.0.1:${silent.addr.port}`;
      const began = performance.now();
      const { code, status } = await statusOf({ cwd }, "--brokers", address, "--contact-points", address);
      const ms = performance.now() - began;
      assert.ok(ms < 15_000, `it took ${ms} ms`);
      assert.equal(code, 1);
      for (const part of ["topic", "lag", "deadLetters", "table"]) assert.ok(status[part].error, part);
      assert.deepEqual(status.health.runs, { detail: "6 runs" });
      assert.deepEqual(status.outbox, { messages: 0, bytes: 0, oldest: null, topics: [] });
    } finally {
      silent.close();
      await accepting.catch(() => {});
      for (const connection of accepted) connection.close();
    }
  }));

Deno.test("status --watch goes on, a line of JSON each time, with what has changed", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await using watch = start(["status", "--watch"], { cwd });
    await watch.printed(/"topic":\{"name":"users_created","partitions":4,"records":0\}/);
    await succeeds(["ingest", "--generate", "7"], { cwd });
    await watch.printed(/"topic":\{"name":"users_created","partitions":4,"records":7\}/);
    watch.signal("SIGTERM");
    assert.equal(await watch.ended, 143);
    const seen = watch.output.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.ok(seen.length >= 2 && seen.every(({ ok }) => ok), watch.output);
  }));

Deno.test("status looks at the runs and the schedule of its own topic", () =>
  withFolder(async (cwd) => {
    await succeeds(["init", "--topic", "other"], { cwd });
    await makeRecord(cwd);
    const { status } = await statusOf({ cwd }, "--topic", "other");
    assert.deepEqual([status.schedules, status.runs], [[], []]);
  }));

/** `runs`: the list for people and for programs, one run whole, by the beginning of its id, statistics, and what is removed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";
import { fillRecord } from "./support/many_runs.ts";
import { serveRandomUsers, trouble } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { makeRecord, newRun, TARGET, UNREACHED } from "./support/runs_record.ts";
import { secretOf } from "./support/secrets.ts";

const lines = (printed: string) => printed.trimEnd().split("\n");
const objects = (printed: string) => lines(printed).map((line) => JSON.parse(line));

Deno.test("runs lists the newest first, a line of JSON a run in a pipe, and only those that are asked for", () =>
  withFolder(async (cwd) => {
    await makeRecord(cwd);
    const all = objects(await succeeds(["runs"], { cwd }));
    assert.deepEqual(all.map(({ id }) => id).sort(), [
      ...["delivered-1", "failed-1", "missed-1", "outbox-1", "queued-1", "skipped-1"],
    ]);
    assert.deepEqual(all[0].id, "queued-1");
    const delivered = all.find(({ id }) => id === "delivered-1");
    const { queued, started, ended, ms, ...rest } = delivered;
    for (const time of [queued, started, ended]) assert.match(time, /^20\d\d-.*Z$/);
    assert.equal(ms, Date.parse(ended) - Date.parse(started));
    assert.deepEqual(rest, {
      ...{ id: "delivered-1", kind: "manual", state: "delivered", scheduled: null, attempts: 1 },
      ...{ fetched: 100, published: 97, outbox: 0, refused: 3, bytes: 5_000 },
      ...{ source: "https://randomuser.me", seed: "s", page: 1, count: 100, nat: null, url: null },
      ...{ pipeline: "users", broker: "embedded", topic: "users_created", error: null },
    });
    const ids = async (...args: string[]) =>
      objects(await succeeds(["runs", ...args], { cwd })).map(({ id }) => id).sort();
    assert.deepEqual(await ids("--state", "failed,to-outbox"), ["failed-1", "outbox-1"]);
    assert.deepEqual(await ids("--state", "to outbox"), ["outbox-1"]);
    assert.deepEqual(await ids("--kind", "manual,backfill"), ["delivered-1", "queued-1"]);
    assert.deepEqual(await ids("--limit", "1", "--since", "1h"), ["queued-1"]);
    assert.equal((await succeeds(["runs", "--since", "2999-01-01"], { cwd })).length, 0);
    assert.equal(JSON.parse(await succeeds(["runs", "--format", "json"], { cwd })).length, 6);
    const csv = lines(await succeeds(["runs", "--format", "csv", "--state", "failed"], { cwd }));
    assert.match(csv[0]!, /^id,kind,state,scheduled,/);
    assert.match(csv[1]!, /^failed-1,scheduled,failed,/);
  }));

Deno.test("the table of runs has a state in its colour, and below a run that failed the reason", () =>
  withFolder(async (cwd) => {
    await makeRecord(cwd);
    const plain = lines(await succeeds(["runs", "--format", "table"], { cwd }));
    assert.match(plain[0]!, /^run +kind +state +time \(.*\) +took +tries +published /);
    const failed = plain.findIndex((line) => line.startsWith("failed-1"));
    assert.match(plain[failed]!, / scheduled +failed +20\d\d-/);
    assert.equal(plain[failed + 1], `  ${UNREACHED}`);
    assert.match(plain.find((line) => line.startsWith("queued-1"))!, / backfill p\.17 +queued /);
    const coloured = await succeeds(["runs", "--format", "table"], { cwd, env: { NO_COLOR: "", FORCE_COLOR: "1" } });
    assert.ok(coloured.includes("\x1b[32mdelivered\x1b[0m"), coloured);
    assert.ok(coloured.includes("\x1b[31mfailed   \x1b[0m"), coloured);
  }));

Deno.test("runs show has each attempt and the whole log, found by the beginning of an id", () =>
  withFolder(async (cwd) => {
    await makeRecord(cwd);
    const run = JSON.parse(await succeeds(["runs", "show", "fail"], { cwd }));
    assert.equal(run.id, "failed-1");
    const [{ started, ended, ms, ...attempt }] = run.tries;
    assert.equal(ms, Date.parse(ended) - Date.parse(started));
    assert.deepEqual(attempt, {
      ...{ number: 1, next: null, error: UNREACHED },
      ...{ fetched: 0, published: 0, outbox: 0, refused: 0, bytes: 0 },
    });
    const [{ at, ...line }] = run.log;
    assert.match(at, /^20\d\d-.*Z$/);
    assert.deepEqual(line, { attempt: 1, level: "warning", text: "A first try \u001b[31mfailed" });
    const shown = await succeeds(["runs", "show", "failed-1", "--format", "table"], { cwd });
    assert.match(shown, /^run +failed-1\nstate +failed\nerror +Cannot reach/);
    assert.match(shown, /\nscheduled 20\d\d-.*\nstarted +20\d\d-.* after its time\n/);
    assert.match(shown, /\nended +20\d\d-.*\ntook +\d\.\d\ds\nasked for /);
    assert.match(shown, /#1 warning A first try \S+failed/);
    assert.ok(!shown.includes("\x1b"), "a line of the log steers no terminal");
  }));

Deno.test("of a run that was tried again, what it took is told without what went by between its attempts", () =>
  withFolder(async (cwd) => {
    const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"));
    const ends = { fetched: 0, published: 0, outbox: 0, refused: 0, bytes: 0, again: false, error: UNREACHED };
    await runs.begin(newRun("again-1", "manual"));
    const { startedAt } = (await runs.get("again-1"))!;
    const first = { ...ends, state: "running" as const, endedAt: startedAt! + 2_000, nextAt: startedAt! + 60_000 };
    await runs.end("again-1", first);
    await runs.again("again-1");
    const { attemptSince } = (await runs.get("again-1"))!;
    await runs.end("again-1", { ...ends, state: "failed", endedAt: attemptSince! + 3_500, nextAt: null });
    await runs.close();
    assert.equal(JSON.parse(await succeeds(["runs"], { cwd })).ms, 5_500);
    assert.match(await succeeds(["runs", "--format", "table"], { cwd }), /again-1 .* 5\.50s +2 /);
    const shown = await succeeds(["runs", "show", "again-1", "--format", "table"], { cwd });
    assert.match(shown, /\ntook +5\.50s, and \d.*s between its 2 attempts\n/);
  }));

Deno.test("an id that is nobody's, or more than one run's, is an error that says so; so are words that are none", () =>
  withFolder(async (cwd) => {
    await makeRecord(cwd);
    const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"));
    await runs.queue([newRun("failed-10", "manual")]);
    await runs.close();
    for (
      const [args, message] of [
        [["show", "nobody"], /No run on record begins with "nobody"/],
        [["show", "%"], /No run on record begins with "%"/],
        [["show", "failed"], /More than one run begins with "failed": failed-10?, failed-10?\n/],
        [["show"], /wants the id of a run/],
        [["stats", "x"], /an argument too many: "x"/],
        [["toString"], /runs knows no "toString"/],
        [["prune"], /wants --older-than/],
        [["--state", "green"], /--state is "green": it takes queued, /],
      ] as [string[], RegExp][]
    ) {
      const { code, stderr } = await userpipe(["runs", ...args], { cwd });
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, message);
    }
    // One that is another's beginning is found all the same.
    assert.equal(JSON.parse(await succeeds(["runs", "show", "failed-1"], { cwd })).id, "failed-1");
  }));

Deno.test("runs stats tells the share that was delivered, and the records of each day", () =>
  withFolder(async (cwd) => {
    await makeRecord(cwd);
    const stats = JSON.parse(await succeeds(["runs", "stats"], { cwd }));
    assert.equal(stats.runs, 6);
    assert.deepEqual(stats.states, {
      ...{ delivered: 1, failed: 1, missed: 1, queued: 1, skipped: 1, "to outbox": 1 },
    });
    assert.ok(Math.abs(stats.delivered - 2 / 3) < 1e-9);
    assert.ok(stats.p50Ms >= 0 && stats.p95Ms >= stats.p50Ms);
    assert.deepEqual([stats.fetched, stats.published, stats.refused], [200, 97, 3]);
    assert.equal(stats.days.reduce((sum: number, { runs }: { runs: number }) => sum + runs, 0), 6);
    const shown = await succeeds(["runs", "stats", "--format", "table"], { cwd });
    assert.match(shown, /\ndelivered 66\.7 % of the 3 runs made\n/);
    const later = JSON.parse(await succeeds(["runs", "stats", "--since", "2999-01-01"], { cwd }));
    assert.deepEqual([later.runs, later.delivered, later.days], [0, null, []]);
  }));

Deno.test("runs prune removes what ended longer ago, and nothing that is under way", () =>
  withFolder(async (cwd) => {
    await makeRecord(cwd);
    assert.equal(await succeeds(["runs", "prune", "--older-than", "1d"], { cwd }), "removed   0 runs\n");
    assert.equal(await succeeds(["runs", "prune", "--older-than", "1ms"], { cwd }), "removed   5 runs\n");
    assert.deepEqual(objects(await succeeds(["runs"], { cwd })).map(({ id }) => id), ["queued-1"]);
  }));

Deno.test("runs prune of most of a record gives the room back to the disk, with the permissions of the executable", () =>
  withFolder(async (cwd) => {
    const path = join(cwd, "userpipe-data", "runs.db");
    await fillRecord(path, 2_000, 3);
    const full = Deno.statSync(path).size;
    assert.equal(await succeeds(["runs", "prune", "--older-than", "1830s"], { cwd }), "removed   1,970 runs\n");
    assert.equal(objects(await succeeds(["runs", "--limit", "100"], { cwd })).length, 30);
    const left = Deno.statSync(path).size;
    assert.ok(left < full / 4, `${left} of ${full} bytes are left`);
  }));

Deno.test("a record that cannot shrink is pruned all the same, and keeps its size", () =>
  withFolder(async (cwd) => {
    const path = join(cwd, "userpipe-data", "runs.db");
    await fillRecord(path, 2_000, 3);
    const db = new DatabaseSync(path);
    db.exec("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM");
    db.close();
    const full = Deno.statSync(path).size;
    assert.equal(await succeeds(["runs", "prune", "--older-than", "1830s"], { cwd }), "removed   1,970 runs\n");
    assert.equal(Deno.statSync(path).size, full);
  }));

Deno.test("runs of a topic are those of the one that is named, by a flag or the environment; else those of all", () =>
  withFolder(async (cwd) => {
    await makeRecord(cwd);
    const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"));
    await runs.queue([newRun("other-1", "manual", { target: { ...TARGET, broker: "kafka", topic: "others" } })]);
    await runs.close();
    const topics = async (args: string[], env: Record<string, string> = {}) =>
      objects(await succeeds(["runs", ...args], { cwd, env })).map(({ topic }) => topic);
    const own = new Array(6).fill("users_created");
    assert.deepEqual(await topics([]), ["others", ...own]);
    assert.deepEqual(await topics(["--topic", "others"]), ["others"]);
    assert.deepEqual(await topics([], { KAFKA_TOPIC: "users_created" }), own);
    assert.deepEqual(await topics(["--pipeline", "users"]), ["others", ...own]);
    const { stdout, stderr } = await userpipe(["runs", "--topic", "none", "--format", "table"], { cwd });
    assert.deepEqual([stdout, stderr], ["", "No such runs are on record.\n"]);
  }));

Deno.test("a flag that an action would ignore is an error that names both, before anything is removed", () =>
  withFolder(async (cwd) => {
    await makeRecord(cwd);
    const prune = ["prune", "--older-than", "1ms"];
    for (
      const [args, message] of [
        [[...prune, "--state", "failed"], /--state does not fit "runs prune": /],
        [[...prune, "--kind", "manual", "--since", "1h"], /--kind and --since do not fit "runs prune": /],
        [[...prune, "--limit", "1", "--topic", "t"], /--limit and --topic do not fit "runs prune": /],
        [["--older-than", "1d"], /--older-than does not fit "runs": /],
        [["show", "failed-1", "--url", "http://h"], /--url does not fit "runs show": /],
        [["list", "--wait"], /--wait does not fit "runs list": /],
        [["--brokers", "b:9092", "--quota", "9/1m"], /--brokers and --quota do not fit "runs": /],
        [["show", "failed-1", "--stop-timeout", "1s"], /--stop-timeout does not fit "runs show": /],
        [["retry", "failed-1", "--format", "json"], /--format does not fit "runs retry": /],
        [["stats", "--limit", "3"], /--limit does not fit "runs stats": /],
      ] as [string[], RegExp][]
    ) {
      const { code, stderr } = await userpipe(["runs", ...args], { cwd });
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, message);
    }
    assert.equal(objects(await succeeds(["runs"], { cwd })).length, 6);
    const removed = await succeeds(["runs", ...prune], { cwd, env: { KAFKA_TOPIC: "t" } });
    assert.equal(removed, "removed   5 runs\n", "a variable is for all commands");
  }));

Deno.test("runs retry asks the run's own address with its key, by the variable, and no other address", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(records(20));
    const url = `${server.url}?key=${secretOf("the address's key")}`;
    await succeeds(["init"], { cwd });
    server.always(trouble(400));
    const failed = await userpipe(["ingest", "--count", "5"], { cwd, env: { USERPIPE_URL: url } });
    assert.equal(failed.code, 3, failed.stderr);
    const retry = ["runs", "retry", objects(await succeeds(["runs"], { cwd }))[0].id];
    const other = await userpipe([...retry, "--url", "http://127.0.0.1:1/?n=x"], { cwd });
    assert.equal(other.code, 2, other.stderr);
    assert.match(other.stderr, /asks ".*\?key=\*{8}" again, and --url names "http:\/\/127\.0\.0\.1:1\/\?n=\*{8}"/);
    const byFlag = await userpipe([...retry, "--url", url], { cwd });
    assert.equal(byFlag.code, 2, byFlag.stderr);
    assert.match(
      byFlag.stderr,
      /^error: --url: its query's "key" on the command line .* set USERPIPE_URL to the whole address$/m,
    );
    server.always();
    assert.match(await succeeds(retry, { cwd, env: { USERPIPE_URL: url } }), /^delivered fetched 5, /);
    const [first, ...others] = server.requests.map(String);
    assert.deepEqual(others, [first], "it asks for the same");
  }));

Deno.test("ingest --catch-up without a schedule is an error that names both", () =>
  withFolder(async (cwd) => {
    const { code, stderr } = await userpipe(["ingest", "--catch-up", "--generate", "1"], { cwd });
    assert.equal(code, 2);
    assert.match(stderr, /--catch-up does nothing without --every or --cron: /);
  }));

Deno.test("where nothing is on record, runs says so and makes no file", () =>
  withFolder(async (cwd) => {
    for (const args of [["runs"], ["runs", "stats"], ["runs", "show", "a"], ["runs", "prune", "--older-than", "1d"]]) {
      await userpipe(args, { cwd });
      assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), [], args.join(" "));
    }
    const { code, stdout, stderr } = await userpipe(["runs", "--format", "table"], { cwd });
    assert.deepEqual([code, stdout], [0, ""]);
    assert.match(stderr, /^No runs are on record/);
  }));

/** The record of runs: whose a run is, what is found interrupted, and that one process fetches it again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { RunEnd, Runs, RunStart } from "../src/runs/runs.ts";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { type CliOptions, start, succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { type Answer, serveRandomUsers, silence, trouble } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";

const TARGET = { pipeline: "users", broker: "embedded", topic: "t" } as const;

function run(id: string, also: Partial<RunStart> = {}): RunStart {
  const asked = { seed: `seed of ${id}`, page: 3, count: 7, url: "http://here/", nat: "gb" };
  const started = { kind: "manual", startedAt: Number(id), source: "http://here", sourceKind: "http" } as const;
  return { id, ...started, ...asked, target: TARGET, ...also };
}

const DELIVERED: RunEnd = {
  state: "delivered",
  endedAt: 9,
  fetched: 7,
  published: 6,
  outbox: 0,
  refused: 1,
  error: null,
};

/** Processes on one record, for which several openings stand in: a lock is the opening's, not the process's. */
async function withRuns(work: (open: () => Runs, path: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, "runs.db");
    const opened: Runs[] = [];
    try {
      await work(() => opened[opened.push(openSqliteRuns(path)) - 1]!, path);
    } finally {
      // One that stands for a process that is gone is closed twice.
      for (const runs of opened) await runs.close().catch(() => {});
    }
  });
}

function rows(path: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return db.prepare(sql).all().map((row) => ({ ...row }));
  } finally {
    db.close();
  }
}

const states = (path: string) => rows(path, "SELECT id, state FROM run ORDER BY id").map(({ state }) => state);
const idsOf = (runs: { id: string }[]) => runs.map(({ id }) => id);

Deno.test("a run of a process that is gone is interrupted, and one process is given all that it takes to fetch it again", () =>
  withRuns(async (open, path) => {
    const gone = open();
    await gone.begin(run("1"));
    await gone.begin(run("2"));
    await gone.end("2", DELIVERED);
    const [one, other] = [open(), open()];
    await other.begin(run("3"));
    assert.deepEqual(await one.interrupted(TARGET), [], "all of them live");
    await gone.close();
    const asked = { seed: "seed of 1", page: 3, count: 7, url: "http://here/", nat: "gb" };
    assert.deepEqual(
      (await one.interrupted(TARGET)).map((run) => ({ ...run })),
      [{ id: "1", kind: "manual", source: "http://here", ...asked }],
    );
    assert.deepEqual(await other.interrupted(TARGET), [], "it is claimed");
    assert.deepEqual(states(path), ["interrupted", "delivered", "running"]);
  }));

Deno.test("the next attempt is one of the same run, with a number and an end of its own", () =>
  withRuns(async (open, path) => {
    const gone = open();
    await gone.begin(run("1"));
    await gone.close();
    const runs = open();
    await runs.interrupted(TARGET);
    assert.equal(await runs.again("1", 5), 2);
    assert.deepEqual(states(path), ["running"]);
    await runs.end("1", DELIVERED);
    assert.deepEqual(states(path), ["delivered"]);
    const { state: _, endedAt: ended_at, ...counts } = DELIVERED;
    const none = Object.fromEntries(Object.keys(counts).map((name) => [name, null]));
    assert.deepEqual(rows(path, "SELECT * FROM attempt ORDER BY number"), [
      { run: "1", number: 1, started_at: 1, ended_at: null, ...none },
      { run: "1", number: 2, started_at: 5, ended_at, ...counts },
    ]);
    assert.deepEqual(await open().interrupted(TARGET), [], "it is done");
  }));

Deno.test("an attempt that fails leaves the run to whoever comes, and one that is killed too", () =>
  withRuns(async (open) => {
    const gone = open();
    await gone.begin(run("1"));
    await gone.close();
    const failing = open();
    await failing.interrupted(TARGET);
    await failing.again("1", 5);
    await failing.end("1", { ...DELIVERED, state: "interrupted", error: "away" });
    const killed = open();
    assert.deepEqual(idsOf(await killed.interrupted(TARGET)), ["1"]);
    assert.equal(await killed.again("1", 6), 3);
    assert.deepEqual(await failing.interrupted(TARGET), []);
    await killed.close();
    assert.deepEqual(idsOf(await failing.interrupted(TARGET)), ["1"]);
    assert.deepEqual(idsOf(await failing.interrupted(TARGET)), ["1"], "claimed and not begun, it is given again");
  }));

Deno.test("a run is begun again only by the process that claimed it, and its end is not written by another", () =>
  withRuns(async (open, path) => {
    const gone = open();
    await gone.begin(run("1"));
    await gone.close();
    const [one, other] = [open(), open()];
    await one.interrupted(TARGET);
    await assert.rejects(other.again("1", 5), /not this process's/);
    await one.again("1", 5);
    await other.end("1", DELIVERED);
    assert.deepEqual(states(path), ["running"]);
  }));

Deno.test("files and generated records are interrupted on record and given to nobody; another topic or broker is left alone", () =>
  withRuns(async (open, path) => {
    const gone = open();
    await gone.begin(run("1", { sourceKind: "file", seed: null, page: null, count: null }));
    await gone.begin(run("2", { sourceKind: "generated" }));
    await gone.begin(run("3", { target: { ...TARGET, topic: "other" } }));
    await gone.begin(run("4", { target: { ...TARGET, broker: "kafka" } }));
    await gone.begin(run("5", { url: null, nat: null, kind: "scheduled" }));
    await gone.close();
    const runs = open();
    const [given, ...others] = await runs.interrupted(TARGET);
    assert.deepEqual([given!.id, given!.url, given!.kind, others.length], ["5", null, "scheduled", 0]);
    assert.deepEqual(states(path), Array(5).fill("interrupted"));
    assert.deepEqual(idsOf(await runs.interrupted({ ...TARGET, topic: "other" })).sort(), ["3", "5"]);
  }));

Deno.test("what processes that are gone left in the folder of owners is cleared away", () =>
  withRuns(async (open, path) => {
    const runs = open();
    await runs.begin(run("1"));
    const [own] = [...Deno.readDirSync(`${path}-owners`)];
    Deno.writeTextFileSync(join(`${path}-owners`, "killed"), "");
    await runs.interrupted(TARGET);
    assert.deepEqual([...Deno.readDirSync(`${path}-owners`)], [own]);
    await runs.close();
    assert.deepEqual([...Deno.readDirSync(`${path}-owners`)], []);
  }));

Deno.test("a record from before runs had owners and attempts is brought forward", () =>
  withRuns(async (open, path) => {
    const db = new DatabaseSync(path);
    db.exec(`CREATE TABLE run (id TEXT PRIMARY KEY, started_at INTEGER NOT NULL, source TEXT NOT NULL, seed TEXT,
        page INTEGER, count INTEGER, state TEXT NOT NULL, ended_at INTEGER, fetched INTEGER, published INTEGER,
        refused INTEGER, error TEXT, outbox INTEGER) STRICT, WITHOUT ROWID;
      INSERT INTO run VALUES ('1', 10, 's', 'a', 1, 5, 'delivered', 20, 5, 4, 1, NULL, 0),
        ('2', 30, 's', 'b', 1, 5, 'running', NULL, NULL, NULL, NULL, NULL, NULL);
      PRAGMA user_version = 2`);
    db.close();
    assert.deepEqual(await open().interrupted(TARGET), [], "its address is not on record");
    assert.deepEqual(states(path), ["delivered", "interrupted"]);
    const attempts = rows(
      path,
      "SELECT run, number, started_at, ended_at, published, refused FROM attempt ORDER BY run",
    );
    const none = { ended_at: null, published: null, refused: null };
    assert.deepEqual(attempts, [
      { run: "1", number: 1, started_at: 10, ended_at: 20, published: 4, refused: 1 },
      { run: "2", number: 1, started_at: 30, ...none },
    ]);
  }));

const USERS = records(10_000);

/** The first page of two is given, and the second never comes. */
const firstPageOnly: Answer = (request, server) => {
  const { searchParams: query } = new URL(request.url);
  return query.get("page") === "1" ? Response.json({ results: USERS.slice(0, 5_000) }) : silence(request, server);
};

const requestsFor = (server: { requests: URL[] }, seed: string) =>
  server.requests.filter(({ searchParams }) => searchParams.get("seed") === seed).length;
const recordOf = (cwd: string) => join(cwd, "userpipe-data", "runs.db");

async function rowCount(options: CliOptions): Promise<number> {
  await succeeds(["stream", "--until-caught-up"], options);
  return JSON.parse(await succeeds(["query", "count"], options)).count;
}

Deno.test("two processes that start at once fetch a killed run again once; the exit code counts what it refused", () =>
  withFolder(async (cwd) => {
    const bad = USERS.map((user, n) => n === 7 ? { ...user, login: { ...user.login, uuid: "none" } } : user);
    await using server = serveRandomUsers(bad);
    await succeeds(["init"], { cwd });
    const killed = await userpipe(["ingest", "--url", server.url, "--count", "10000", "--seed", "killed"], {
      cwd,
      env: { USERPIPE_FAULT: "after-publish:1" },
    });
    assert.equal(killed.code, 137, killed.stderr);
    const before = requestsFor(server, "killed");
    const next = ["ingest", "--generate", "1", "--seed", "own"];
    const both = await Promise.all([userpipe(next, { cwd }), userpipe(next, { cwd })]);
    assert.deepEqual(both.map(({ code }) => code).sort(), [0, 1], both.map(({ stderr }) => stderr).join());
    assert.equal(requestsFor(server, "killed"), before + 2);
    assert.equal(
      both.filter(({ stderr }) => /Run .* was interrupted: fetched again by its seed/.test(stderr)).length,
      1,
    );
    assert.equal(await rowCount({ cwd }), 10_000);
  }));

Deno.test("while the API is away an interrupted run stays so, the own run goes on, and a later start fetches it", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    const args = ["ingest", "--url", server.url, "--count", "50", "--seed", "killed"];
    assert.equal((await userpipe(args, { cwd, env: { USERPIPE_FAULT: "after-fetch" } })).code, 137);
    server.always(trouble(500));
    const away = await userpipe(["ingest", "--generate", "10"], { cwd });
    assert.equal(away.code, 0, away.stderr);
    assert.match(away.stderr, /stays interrupted.*Uh oh/);
    assert.match(away.stdout, /^delivered fetched 10,/);
    assert.deepEqual(rows(recordOf(cwd), "SELECT state FROM run WHERE seed = 'killed'"), [{ state: "interrupted" }]);
    server.always();
    await succeeds(["ingest", "--generate", "10"], { cwd });
    const [{ state, attempts }] = rows(
      recordOf(cwd),
      "SELECT state, count(*) AS attempts FROM run JOIN attempt ON run = id WHERE seed = 'killed'",
    ) as [Record<string, unknown>];
    assert.deepEqual({ state, attempts }, { state: "delivered", attempts: 3 });
    assert.equal(await rowCount({ cwd }), 70);
  }));

Deno.test("a run of a schedule that a signal cut is fetched again at the next start; a single run that its person ended is not", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    const args = ["ingest", "--url", server.url, "--count", "10000", "--seed"];
    await succeeds(["init"], { cwd });
    for (
      const [seed, more, signal, state] of [
        ["scheduled", ["--every", "1d"], "SIGTERM", "interrupted"],
        ["single", [], "SIGINT", "cut"],
      ] as const
    ) {
      server.always(firstPageOnly);
      await using running = start([...args, seed, ...more], { cwd });
      await until(() => requestsFor(server, seed) === 2, 30_000, () => running.output);
      running.signal(signal);
      assert.equal(await running.ended, 0, running.output);
      assert.deepEqual(rows(recordOf(cwd), `SELECT state FROM run WHERE seed = '${seed}'`), [{ state }]);
      server.always();
      const { stderr } = await userpipe(["ingest", "--generate", "1"], { cwd });
      assert.equal(/was interrupted: fetched again/.test(stderr), state === "interrupted", stderr);
    }
    assert.deepEqual(["scheduled", "single"].map((seed) => requestsFor(server, seed)), [4, 2]);
    assert.equal(await rowCount({ cwd }), 10_002);
  }));

Deno.test("a schedule fetches what was killed before its own run, by --every and --cron, and in up", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    const own = ["--generate", "1"];
    for (
      const [seed, command] of [
        ["a", ["ingest", "--every", "1d", ...own]],
        ["b", ["ingest", "--cron", "0 0 1 1 *", ...own]],
        ["c", ["up", ...own]],
      ] as const
    ) {
      const killed = ["ingest", "--url", server.url, "--count", "20", "--nat", "gb", "--page", "2", "--seed", seed];
      assert.equal((await userpipe(killed, { cwd, env: { USERPIPE_FAULT: "after-fetch" } })).code, 137);
      await using running = start([...command], { cwd });
      await running.printed(/delivered fetched 20, .*\n(.*\n)*.*Next run|Next run .*\n(.*\n)*.*delivered fetched 20, /);
      running.signal("SIGTERM");
      assert.equal(await running.ended, 0, running.output);
      const [first, again] = server.requests.splice(0);
      assert.equal(String(again), String(first), "it asks for the same");
    }
  }));

/** Runs that were cut, by a kill or by a signal: that one process fetches each again, and what of them is on record. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type CliOptions, start, succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { type Answer, serveRandomUsers, silence, trouble } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";

function rows(path: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return db.prepare(sql).all().map((row) => ({ ...row }));
  } finally {
    db.close();
  }
}

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
      "SELECT state, attempts FROM run WHERE seed = 'killed'",
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
      const [seed, more, signal, again, code] of [
        ["scheduled", ["--every", "1d"], "SIGTERM", true, 0],
        ["single", [], "SIGINT", false, 130],
      ] as const
    ) {
      server.always(firstPageOnly);
      await using running = start([...args, seed, ...more], { cwd });
      await until(() => requestsFor(server, seed) === 2, 30_000, () => running.output);
      running.signal(signal);
      assert.equal(await running.ended, code, running.output);
      assert.deepEqual(rows(recordOf(cwd), `SELECT state, again FROM run WHERE seed = '${seed}'`), [
        { state: "interrupted", again: Number(again) },
      ]);
      server.always();
      const { stderr } = await userpipe(["ingest", "--generate", "1"], { cwd });
      assert.equal(/was interrupted: fetched again/.test(stderr), again, stderr);
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

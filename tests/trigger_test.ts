/** `trigger`, `pause`, `resume`, `runs retry` and `backfill`, with a process that runs the schedule and without one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type CliOptions, start, succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { serveRandomUsers, silence, trouble } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { secretOf } from "./support/secrets.ts";

const USERS = records(2_000);

// deno-lint-ignore no-explicit-any
type PlainRun = any;

async function runsOf(options: CliOptions, ...args: string[]): Promise<PlainRun[]> {
  const printed = await succeeds(["runs", "--limit", "1000", ...args], options);
  return printed.trimEnd().split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

const schedule = ["ingest", "--cron", "0 0 1 1 *"];

Deno.test("without a process that runs the schedule, trigger makes the run itself, and its exit code is the run's", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    const ask = ["trigger", "--url", server.url, "--count", "20"];
    assert.match(await succeeds(ask, { cwd }), /^delivered fetched 20, published 20, refused 0 /);
    server.always(trouble(400));
    const failed = await userpipe(ask, { cwd });
    assert.equal(failed.code, 3, failed.stderr);
    const [last, first, ...others] = await runsOf({ cwd });
    assert.deepEqual([last.kind, last.state, last.attempts], ["manual", "failed", 1]);
    assert.deepEqual([first.state, first.published, others.length], ["delivered", 20, 0]);

    server.always();
    const again = await succeeds(["runs", "retry", last.id.slice(0, 12)], { cwd });
    assert.match(again, new RegExp(`^delivered fetched 20, .* seed ${last.seed}`));
    const run = JSON.parse(await succeeds(["runs", "show", last.id], { cwd }));
    assert.deepEqual([run.state, run.tries.map(({ number }: PlainRun) => number)], ["delivered", [1, 2]]);
    assert.equal(String(server.requests.at(-1)), String(server.requests.at(-2)), "it asks for the same");
  }));

Deno.test("a schedule makes what is triggered from another process, also while it is paused and after a restart", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    for (const restarted of [false, true]) {
      await using running = start([...schedule, "--url", server.url, "--count", "30"], { cwd });
      await running.printed("This process makes the runs");
      if (restarted) {
        assert.match(running.output, /The schedule is paused since .*; userpipe resume lets it go on\./);
        assert.doesNotMatch(running.output, /Next run/);
        assert.match(await succeeds(["pause"], { cwd }), /^paused +users\/users_created: .* already\n$/);
      } else assert.match(running.output, /Next run/);
      assert.match(
        await succeeds(["trigger", "--url", server.url, "--count", "10"], { cwd }),
        /^started +run [0-9a-f-]{36} by the process that runs the schedule\n$/,
      );
      await running.printed(/delivered fetched 10, .*\n(.*\n)*/);
      assert.match(
        await succeeds(["trigger", "--url", server.url, "--wait"], { cwd }),
        /^delivered fetched 100, published 100, refused 0 /,
      );
      server.next(trouble(400));
      const failed = await userpipe(["trigger", "--url", server.url, "--wait"], { cwd });
      assert.equal(failed.code, 1, failed.stderr);
      assert.match(failed.stdout, /^failed /);
      assert.match(failed.stderr, /See userpipe runs show/);
      const [run] = await runsOf({ cwd }, "--state", "failed");
      assert.match(await succeeds(["runs", "retry", run.id, "--wait"], { cwd }), /^delivered fetched 100, /);
      if (!restarted) {
        const paused = await userpipe(["pause"], { cwd });
        assert.match(paused.stdout, /^paused +users\/users_created: "0 0 1 1 \*" in UTC\n$/);
        await running.printed("The schedule is paused since ");
      } else {
        assert.match(await succeeds(["resume"], { cwd }), /^resumed .*\nnext +20\d\d-01-01/);
        await running.printed(/The schedule is resumed\.\nNext run 20/);
      }
      running.signal("SIGTERM");
      assert.equal(await running.ended, 0, running.output);
      // Runs that are not its own leave its time as it was said.
      assert.equal(running.output.match(/Next run/g)?.length, 1);
    }
    const { stderr } = await userpipe(["resume", "--topic", "other"], { cwd });
    assert.match(stderr, /No schedule "users\/other" is on record/);
  }));

Deno.test("a run that is triggered asks for what the schedule's own last run did, where the flags say nothing else", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await using running = start(["ingest", "--every", "1d", "--generate", "40"], { cwd });
    await running.printed("delivered fetched 40, ");
    assert.match(await succeeds(["trigger", "--wait"], { cwd }), /^delivered fetched 40, .* from the generator/);
    assert.match(await succeeds(["trigger", "--count", "4", "--wait"], { cwd }), /^delivered fetched 4, /);
    const seeds = new Set((await runsOf({ cwd })).map(({ seed }) => seed));
    assert.equal(seeds.size, 3, "each has a seed of its own");
  }));

Deno.test("beside a schedule that has made no run yet, trigger says that it asks what its own settings say", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    await using running = start([...schedule, "--generate", "40"], { cwd });
    await running.printed("This process makes the runs");
    const { code, stdout, stderr } = await userpipe(["trigger", "--url", server.url, "--count", "4", "--wait"], {
      cwd,
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^delivered fetched 4, /);
    assert.match(stderr, /^The schedule has made no run yet .*: http:\/\/127\.0\.0\.1:\d+, seed \w+, count 4\.\n$/);
  }));

Deno.test("what the process that runs the schedule does not begin is made here where it can be, and else waits for it", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await Deno.writeTextFile(
      join(cwd, "users.jsonl"),
      USERS.slice(0, 3).map((user) => JSON.stringify(user)).join("\n"),
    );
    const sources = [["--generate", "40"], ["--file", "users.jsonl"]];
    for (const [source, amount] of sources) {
      await using running = start(["ingest", "--every", "1d", source!, amount!], { cwd });
      await running.printed(/delivered fetched/);
      running.signal("SIGSTOP");
      const { code, stdout, stderr } = await userpipe(["trigger"], { cwd });
      running.signal("SIGCONT");
      const late = /^The process that runs the schedule has not begun run \w{8} within 3 s, .*: /;
      assert.match(stderr, late);
      const [run] = await runsOf({ cwd });
      if (source === "--generate") {
        assert.equal(code, 0, stderr);
        assert.match(stdout, /^delivered fetched 40, /);
        assert.match(stderr, /it is made here\.\n$/);
      } else {
        assert.equal(code, 1, stderr);
        assert.equal(stdout, "");
        assert.match(
          stderr,
          /users\.jsonl only that process knows, so that the run waits for it\. See userpipe runs show/,
        );
        await running.printed(new RegExp(`delivered fetched 3, .* run ${run.id.slice(0, 8)}`));
      }
      running.signal("SIGTERM");
      assert.equal(await running.ended, 0, running.output);
      await Deno.remove(join(cwd, "userpipe-data", "runs.db"));
    }
  }));

Deno.test("what hides in the schedule's address only the process that makes the run has to know", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    const key = secretOf("the address's key");
    await succeeds(["init"], { cwd });
    const env = { USERPIPE_URL: `${server.url}?key=${key}` };
    await using running = start(["ingest", "--every", "1d", "--count", "10"], { cwd, env });
    await running.printed("delivered fetched 10, ");
    assert.match(await succeeds(["trigger", "--count", "4", "--wait"], { cwd }), /^delivered fetched 4, /);
    const keys = server.requests.map(({ searchParams }) => searchParams.get("key") === key);
    assert.deepEqual(keys, [true, true], "the server is asked with the key");
    running.signal("SIGTERM");
    assert.equal(await running.ended, 0, running.output);
  }));

Deno.test("a backfill goes on where it was killed, makes each page once, and asks for nothing that is delivered", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    const ask = ["backfill", "--url", server.url, "--seed", "s", "--pages", "1..6", "--count", "25"];
    const killed = await userpipe([...ask, "--concurrency", "1"], {
      cwd,
      env: { USERPIPE_FAULT: "after-publish:3" },
    });
    assert.equal(killed.code, 137, killed.stderr);
    const before = server.requests.length;
    assert.equal(before, 3);
    const whole = await succeeds(ask, { cwd });
    assert.match(whole, /\nbackfill +6 of 6 pages delivered, 2 of them before, 0 failed; fetched 100, /);
    const pages = server.requests.slice(before).map(({ searchParams }) => Number(searchParams.get("page")));
    assert.deepEqual(pages.sort(), [3, 4, 5, 6]);
    const runs = await runsOf({ cwd }, "--kind", "backfill");
    assert.deepEqual(runs.map(({ page, state }) => `${page} ${state}`).sort(), [
      ...["1 delivered", "2 delivered", "3 delivered", "4 delivered", "5 delivered", "6 delivered"],
    ]);
    assert.match(await succeeds(ask, { cwd }), /^backfill +6 of 6 pages delivered, 6 of them before, /);
    assert.equal(server.requests.length, before + 4);
    await succeeds(["stream", "--until-caught-up"], { cwd });
    assert.equal(JSON.parse(await succeeds(["query", "count"], { cwd })).count, 150);
  }));

Deno.test("a page that fails is named, the others go on, and the same command makes it again", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    server.next(undefined, trouble(400));
    const ask = [
      "backfill",
      "--url",
      server.url,
      "--seed",
      "s",
      "--pages",
      "1..4",
      "--count",
      "5",
      "--concurrency",
      "1",
    ];
    const { code, stdout, stderr } = await userpipe(ask, { cwd });
    assert.equal(code, 3, stderr);
    assert.match(stdout, /\nfailed +fetched 0, .*\n/);
    assert.match(stdout, /\nbackfill +3 of 4 pages delivered, 1 failed; fetched 15, /);
    assert.match(await succeeds(ask, { cwd }), /\nbackfill +4 of 4 pages delivered, 3 of them before, 0 failed; /);
    assert.equal(server.requests.at(-1)!.searchParams.get("page"), "2");
  }));

Deno.test("a backfill that is stopped drains, and leaves the rest queued", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    server.next(undefined, silence);
    const ask = ["backfill", "--url", server.url, "--seed", "s", "--pages", "1..4", "--concurrency", "1"];
    await using running = start(ask, { cwd });
    await until(() => server.requests.length === 2, 30_000, () => running.output);
    running.signal("SIGINT");
    assert.equal(await running.ended, 0, running.output);
    assert.match(running.output, /backfill +1 of 4 pages delivered, /);
    assert.match(await succeeds(ask, { cwd }), /\nbackfill +4 of 4 pages delivered, 1 of them before, /);
  }));

Deno.test("a backfill that has made all but what another process has under way has done its part", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(USERS);
    await succeeds(["init"], { cwd });
    server.next(silence);
    const ask = ["backfill", "--url", server.url, "--seed", "s", "--pages", "1..4", "--concurrency", "1"];
    await using running = start(ask, { cwd });
    await until(() => server.requests.length === 1, 30_000, () => running.output);
    const { code, stdout, stderr } = await userpipe(ask, { cwd });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /\nbackfill +3 of 4 pages delivered, 0 failed; fetched 300, /);
    assert.match(stderr, /^1 page is under way in another process\.$/m);
    assert.doesNotMatch(stderr, /Left/);
    running.signal("SIGINT");
    await running.ended;
    assert.match(running.output, /Stopping: what is being published or stored is finished, \d+ s at the most\./);
    assert.match(running.output, /backfill +3 of 4 pages delivered, [^]*Left: 1 page\./);
  }));

Deno.test("a backfill wants a seed and pages", () =>
  withFolder(async (cwd) => {
    for (
      const [args, message] of [
        [["--pages", "1..2"], /wants --seed/],
        [["--seed", "s"], /wants --pages/],
        [["--seed", "s", "--pages", "2..1"], /--pages is "2\.\.1": it takes pages from 1 to 10000/],
      ] as [string[], RegExp][]
    ) {
      const { code, stderr } = await userpipe(["backfill", ...args], { cwd });
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
  }));

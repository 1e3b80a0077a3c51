/** The quota: who has one, a request that would go over waits and says so, and a server that refuses moves the budget. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { quotaLimits, RunQuota } from "../src/ingest/quota.ts";
import { runOnce, type RunOptions } from "../src/ingest/run.ts";
import { collectLog, configureLog } from "../src/log.ts";
import { openHttpSource } from "../src/source/http.ts";
import { users } from "../src/users/pipeline.ts";
import { until } from "./support/cli.ts";
import { quota as refusal, serveRandomUsers } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { ask, type Rig, withRig } from "./support/schedule.ts";

const API = "https://randomuser.me";
const USERS = records(200);
const LIMIT = { records: 100, windowMs: 1_500 };

/** Runs against a server, under a limit. */
function over(rig: Rig, url: string, also: Partial<RunOptions> = {}): RunOptions {
  return rig.options({
    openSource: async ({ seed, page, count }, quota) =>
      openHttpSource({ pipeline: users, url, seed: seed!, page: page!, count: count!, quota, retries: 2 }),
    quota: () => LIMIT,
    ...also,
  });
}

Deno.test("the API's own host has the limit of 20,000 users in 5 minutes, another has none unless one is named", () => {
  const own = quotaLimits(users);
  assert.deepEqual(own(API), { records: 20_000, windowMs: 300_000 });
  assert.equal(own("http://127.0.0.1:8080"), undefined);
  assert.equal(quotaLimits(users, LIMIT)("http://127.0.0.1:8080"), LIMIT);
});

Deno.test("what every process of a record takes counts, and a request that would go over waits until it may", () =>
  withRig(async (rig) => {
    await using server = serveRandomUsers(USERS);
    const began = Date.now();
    await runOnce(over(rig, server.url, { runs: rig.open() }), ask({ count: 60 }));
    await runOnce(over(rig, server.url), ask({ count: 40 }));
    assert.ok(Date.now() - began < LIMIT.windowMs, "there is room for them");
    await runOnce(over(rig, server.url), ask({ count: 50 }));
    assert.ok(Date.now() - began >= LIMIT.windowMs, `the third waits: ${Date.now() - began} ms`);
    assert.deepEqual((await rig.runs.stats(0)).states, { delivered: 3 });
  }));

Deno.test("the time that a run waits for the quota is not of its limit", () =>
  withRig(async (rig) => {
    await using server = serveRandomUsers(USERS);
    await runOnce(over(rig, server.url), ask({ count: 100 }));
    const report = await runOnce(over(rig, server.url, { timeoutMs: 1_000 }), ask({ count: 100 }));
    assert.equal(report.state, "delivered", report.why ?? "");
  }));

Deno.test("a server that refuses is not asked until it said, by no process, and the run goes on then", () =>
  withRig(async (rig) => {
    await using server = serveRandomUsers(USERS);
    server.next(refusal("1"));
    const began = Date.now();
    const refused = runOnce(over(rig, server.url), ask({ count: 10 }));
    await until(() => server.requests.length === 1, 30_000, () => "it does not ask");
    await until(
      async () => (await rig.runs.quota(new URL(server.url).origin, LIMIT)).blockedUntil !== null,
      30_000,
      () => "the budget is not moved",
    );
    const other = await runOnce(over(rig, server.url, { runs: rig.open() }), ask({ count: 10 }));
    assert.ok(Date.now() - began >= 900, `it waits: ${Date.now() - began} ms`);
    assert.deepEqual([(await refused).state, other.state, server.requests.length], ["delivered", "delivered", 3]);
  }));

Deno.test("a server of which no quota is known and that refuses is not asked until it said either, by no process", () =>
  withRig(async (rig) => {
    await configureLog({ level: "debug", format: "json", colour: false });
    await using server = serveRandomUsers(USERS);
    server.next(refusal("1"));
    const began = Date.now();
    const refused = runOnce(over(rig, server.url, { quota: () => undefined }), ask({ count: 10 }));
    const api = new URL(server.url).origin;
    const blocked = async () => await rig.runs.reserve(api, 1, null) !== null;
    await until(blocked, 30_000, () => "the others are not held back");
    const other = await runOnce(
      over(rig, server.url, { runs: rig.open(), quota: () => undefined }),
      ask({ count: 10 }),
    );
    assert.ok(Date.now() - began >= 900, `it waits: ${Date.now() - began} ms`);
    assert.deepEqual([(await refused).state, other.state, server.requests.length], ["delivered", "delivered", 3]);
    const logs = await Promise.all((await rig.runs.list({})).map(({ id }) => rig.runs.get(id)));
    const lines = logs.flatMap((run) => run!.log.map(({ text }) => text)).filter((text) => /waiting/.test(text));
    assert.deepEqual(lines.map((text) => text.replace(/until 20.*/, "until")).sort(), [
      `${api} takes no more requests for now (429): waiting until`,
      `${api} takes no more requests for now (429, Retry-After: 1 s): waiting until`,
    ]);
  }));

Deno.test("a server that refuses is why a run waits, also where it has a quota, which is not used up", async () => {
  const until = Date.now() + 80;
  const said: string[] = [];
  const holds = [{ until, by: "server" as const }, { until: until + 30, by: "quota" as const }, null];
  const quota = new RunQuota({
    runs: { reserve: async () => holds.shift()!, block: async () => {} },
    limits: () => LIMIT,
  });
  await configureLog({ level: "debug", format: "json", colour: false });
  await collectLog((_, text) => said.push(text), () => quota.take(API, 10, new AbortController().signal));
  assert.match(said[0]!, /takes no more requests for now \(429\): waiting until /);
  assert.match(said[1]!, /takes no more than 100 records in 1\.5 s: waiting until /);
});

Deno.test("a server that always refuses fails the run after its tries", () =>
  withRig(async (rig) => {
    await using server = serveRandomUsers(USERS);
    server.always(refusal());
    const report = await runOnce(over(rig, server.url), ask({ count: 10 }));
    assert.deepEqual([report.state, server.requests.length], ["failed", 3]);
    assert.match(report.why!, /takes no more requests for now \(429.*tried 3 times/);
  }));

Deno.test("stopping ends the wait", () =>
  withRig(async (rig) => {
    await using server = serveRandomUsers(USERS);
    const quota = () => ({ records: 100, windowMs: 3_600_000 });
    await runOnce(over(rig, server.url, { quota }), ask({ count: 100 }));
    const stop = new AbortController();
    const waiting = runOnce(over(rig, server.url, { quota, signal: stop.signal }), ask({ count: 100 }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    stop.abort();
    assert.deepEqual([(await waiting).state, server.requests.length], ["interrupted", 1]);
  }));

Deno.test("a page that is more than the whole quota is an error, not a wait for ever, before anything is on record", () =>
  withRig(async (rig) => {
    const wrong = { code: "settings", message: /One page of 101 records is more than http/ };
    const quota = new RunQuota({ runs: nothing("reserve"), limits: () => LIMIT });
    await assert.rejects(quota.take(API, 101, new AbortController().signal), wrong);
    await assert.rejects(runOnce(over(rig, API), ask({ count: 101 })), wrong);
    assert.deepEqual(await rig.runs.list({}), []);
  }));

Deno.test("while the record is away requests go on, and it is left to the server to refuse", async () => {
  const away = () => Promise.reject(new UserpipeError("data-folder-busy", "it is held", "wait"));
  const quota = new RunQuota({ runs: { reserve: away, block: away }, limits: () => LIMIT });
  await quota.take(API, 10, new AbortController().signal);
  assert.equal(await quota.refused(API, 1_000, 0), false);
});

/** A record of which only that may be asked. */
function nothing(name: string): RunOptions["runs"] {
  return { [name]: () => assert.fail("it is not asked") } as unknown as RunOptions["runs"];
}

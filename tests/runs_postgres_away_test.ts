/** The record of runs in Postgres where that is away, frozen, restarted, or says no. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { openPostgresRuns } from "../src/runs/postgres.ts";
import type { Runs } from "../src/runs/runs.ts";
import { COUNTS, end, eventually, get, lead, newRun, pause, SCHEDULE, TARGET, tick } from "./contracts/runs_kit.ts";
import { at, IGNORE, SKIPPED, type TestPostgres, testPostgres, withSql } from "./support/postgres.ts";
import { assertNoSecret, secretOf } from "./support/secrets.ts";
import { type TcpProxy, tcpProxy } from "./support/tcp_proxy.ts";

const LEASE_MS = 1_500;

let own: TestPostgres | undefined;
if (!IGNORE) {
  Deno.test.beforeAll(async () => void (own = await testPostgres()));
  Deno.test.afterAll(async () => await own?.[Symbol.asyncDispose]());
}

/** Two processes on a record, the first by a way that can be cut. */
interface Two {
  url: string;
  one: Runs;
  other: Runs;
  proxy: TcpProxy;
}

function test(sentence: string, work: (two: Two) => Promise<void>): void {
  Deno.test({
    name: `${sentence}${SKIPPED}`,
    ignore: IGNORE,
    fn: async () => {
      const url = await own!.database();
      await using proxy = tcpProxy(Number(new URL(url).port));
      const one = openPostgresRuns({ url: at(url, { port: String(proxy.port) }), leaseMs: LEASE_MS });
      const other = openPostgresRuns({ url, leaseMs: LEASE_MS });
      try {
        await work({ url, one, other, proxy });
      } finally {
        await one.close();
        await other.close();
      }
    },
  });
}

const line = (text: string) => ({ attempt: 1, at: 1_000, level: "info" as const, text });
const unreachable = { name: "UserpipeError", code: "runs-unreachable" };
const SOON_MS = 30_000;

test("what a process says of its run while Postgres is away is on record once it is back, in order", async (two) => {
  const { one, other, proxy } = two;
  await one.begin(newRun("1"));
  await one.log("1", [line("before")]);
  proxy.refuse();
  await one.log("1", [line("while it was away")]);
  await one.log("1", [line("and again")]);
  assert.equal(await one.end("1", end({ endedAt: 5_000 })), true);
  await assert.rejects(one.begin(newRun("2")), unreachable);
  await assert.rejects(one.takeQueued(TARGET, ["manual"]), unreachable);
  assert.equal((await get(other, "1")).state, "running");
  proxy.allow();
  await eventually(SOON_MS, "its end", async () => (await get(other, "1")).state === "delivered");
  const { log, endedAt, tries, published } = await get(other, "1");
  assert.deepEqual(log.map(({ text }) => text), ["before", "while it was away", "and again"]);
  assert.deepEqual([endedAt, tries.length, published], [5_000, 1, COUNTS.published]);
  assert.deepEqual(await other.interrupted(TARGET), []);
});

test("without Postgres there is no tick, and the lead goes to who reaches it", async ({ one, other, proxy }) => {
  const first = await lead(one);
  proxy.refuse();
  await assert.rejects(one.tick(first, [tick(60_000)]), unreachable);
  const second = await eventually(SOON_MS, "the lead", () => other.lead(SCHEDULE));
  assert.ok(second.epoch > first.epoch);
  assert.equal((await other.tick(second, [tick(60_000)]))?.length, 1);
  proxy.allow();
  assert.equal(await eventually(SOON_MS, "it is back", () => attempted(one.tick(first, [tick(120_000)]))), "lost");
  assert.deepEqual((await other.list({})).map(({ id }) => id), ["tick 60000"]);
});

/** `lost` where the lead is; null while Postgres is away. */
async function attempted(ticked: Promise<unknown>): Promise<string | null> {
  try {
    return await ticked === null ? "lost" : "ticked";
  } catch (error) {
    assert.equal((error as UserpipeError).code, "runs-unreachable");
    return null;
  }
}

test("a Postgres that was killed and is back has nobody's run and nobody's lead taken from who lives", async (two) => {
  const { url, other } = two;
  const one = openPostgresRuns({ url, leaseMs: LEASE_MS });
  const first = await lead(one);
  await one.tick(first, [tick(60_000)]);
  assert.equal(await other.lead({ ...SCHEDULE, name: "another" }).then((taken) => taken !== null), true);
  await own!.server.kill();
  await pause(2 * LEASE_MS);
  assert.equal(await one.end("tick 60000", end()), true);
  await own!.server.start();
  const looks: unknown[] = [];
  await eventually(SOON_MS, "its end", async () => {
    looks.push(...await other.interrupted(TARGET).catch(() => []));
    return (await other.get("tick 60000").catch(() => null))?.state === "delivered";
  });
  assert.deepEqual(looks, []);
  assert.equal(await other.lead(SCHEDULE), null, "it has the time to say that it leads");
  assert.deepEqual(await one.lead(SCHEDULE), first);
  assert.equal((await one.tick(first, [tick(120_000)]))?.length, 1);
  await one.close();
});

test("whatever is under way when Postgres goes, what fails says so, and nothing of it ends the process", async ({ url }) => {
  const all = Array.from({ length: 3 }, () => openPostgresRuns({ url, leaseMs: LEASE_MS }));
  const over = new AbortController();
  const codes = new Set<string>();
  let [answered, failed] = [0, 0];
  const fails = (error: { code?: string }) => {
    failed++;
    codes.add(error.code ?? String(error));
  };
  const busy = all.map(async (runs, process) => {
    for (let n = 0; !over.signal.aborted; n++) {
      const id = `${process} ${n}`;
      const lines = [line("a line")];
      const work = [runs.begin(newRun(id)).then(() => runs.log(id, lines)).then(() => runs.end(id, end()))];
      const others = [runs.lead({ ...SCHEDULE, name: id }), runs.takeQueued(TARGET, ["manual"]), runs.list({})];
      const calls = [...work, ...others, runs.reserve("api", 1, { records: 9, windowMs: 9 })];
      const noted = calls.map((each) => each.then(() => answered++, fails));
      await Promise.all(noted);
    }
  });
  const away = async (end: "kill" | "stop", meanwhile: () => Promise<unknown> = () => pause(100)) => {
    const before = answered;
    await eventually(SOON_MS, "they go on", async () => answered > before);
    await pause(200 * Math.random());
    await own!.server[end]();
    await meanwhile();
    await own!.server.start();
  };
  for (const end of ["kill", "stop"] as const) await away(end);
  // While it is away nothing waits for it to be back.
  await away("kill", () => {
    const before = failed;
    return eventually(SOON_MS, "call after call fails", async () => failed > before + 20);
  });
  await eventually(SOON_MS, "it goes on", () => all[0]!.list({ states: ["delivered"] }).catch(() => null));
  over.abort();
  await Promise.all(busy);
  for (const runs of all) await runs.close();
  assert.deepEqual([...codes], ["runs-unreachable"]);
});

test("a run that a process was given without hearing of it is fetched again", async ({ one, other, proxy }) => {
  const held = await lead(one);
  proxy.lose("COMMIT");
  await assert.rejects(one.tick(held, [tick(60_000)]), unreachable);
  assert.equal((await get(other, "tick 60000")).state, "running");
  const [run] = await eventually(SOON_MS, "it is given", async () => {
    const given = await other.interrupted(TARGET);
    return given.length > 0 && given;
  });
  assert.equal(run!.id, "tick 60000");
});

test("a Postgres that does not answer holds nobody for ever", async ({ one, proxy }) => {
  await one.begin(newRun("1"));
  proxy.freeze();
  const from = performance.now();
  await assert.rejects(one.list({}), { ...unreachable, message: /did not answer/ });
  assert.ok(performance.now() - from < 25_000);
  proxy.thaw();
  assert.equal((await eventually(SOON_MS, "it is back", () => one.get("1").catch(() => null))).id, "1");
});

test("whoever waits for changes hears of them also after the connection was lost", async ({ one, other, proxy }) => {
  await one.schedules();
  const told = one.changed(AbortSignal.timeout(30_000)).then(() => Date.now());
  await other.schedules();
  await pause(300);
  proxy.refuse();
  await other.queue([newRun("1")]);
  proxy.allow();
  const back = Date.now();
  assert.ok(await told - back < 3_000);
});

const SESAME = secretOf("the guest's password");

/** What it throws, with nothing of the password in it. */
async function failure(url: string, work: (runs: Runs) => Promise<unknown>): Promise<UserpipeError> {
  const runs = openPostgresRuns({ url, leaseMs: LEASE_MS });
  try {
    const error = await work(runs).then(() => assert.fail("it worked"), (error) => error);
    assert.ok(error instanceof UserpipeError, String(error));
    const check = await runs.check();
    for (const text of [JSON.stringify(error.toPlain()), Deno.inspect(error), Deno.inspect(check), runs.name]) {
      assertNoSecret(text, text);
    }
    return error;
  } finally {
    await runs.close();
  }
}

test("what Postgres refuses is said with what to do, and never with the password", async ({ url, one }) => {
  await one.schedules();
  await withSql(own!.server.url, async (sql) => {
    await sql.unsafe(`CREATE ROLE guest LOGIN PASSWORD '${SESAME}'`);
    await sql.unsafe("CREATE DATABASE guests");
  });
  const guest = { username: "guest", password: SESAME };
  const list = (runs: Runs) => runs.list({});
  const codes = {
    "another password": (await failure(at(url, { password: SESAME }), list)).code,
    "no such database": (await failure(at(url, { ...guest, pathname: "nowhere" }), list)).code,
    "no right to make a schema": (await failure(at(url, { ...guest, pathname: "guests" }), list)).code,
    "no right to the schema": (await failure(at(url, guest), list)).code,
    "nothing listens": (await failure(at(url, { ...guest, port: "1" }), list)).code,
  };
  assert.deepEqual(codes, {
    "another password": "not-authorised",
    "no such database": "settings",
    "no right to make a schema": "not-authorised",
    "no right to the schema": "not-authorised",
    "nothing listens": "runs-unreachable",
  });
});

test("a record that a newer userpipe made is left alone", async ({ url, one }) => {
  await one.schedules();
  await withSql(url, (sql) => sql`UPDATE userpipe.version SET version = 99`);
  const error = await failure(url, (runs) => runs.begin(newRun("1")));
  assert.deepEqual([error.code, /newer userpipe: version 99/.test(error.message)], ["settings", true]);
});

for (const again of [false, true]) {
  const what = again ? "removed and made anew by another" : "removed";
  test(`a record that was ${what} while it was open is said to be, by who leads and who makes runs`, async ({ url, one }) => {
    const held = await lead(one);
    await one.begin(newRun("1"));
    await withSql(url, (sql) => sql`DROP SCHEMA userpipe CASCADE`);
    const other = openPostgresRuns({ url, leaseMs: LEASE_MS });
    if (again) await other.list({});
    const replaced = {
      name: "UserpipeError",
      code: "runs-replaced",
      message: /was removed or made anew while it was open/,
    };
    await pause(LEASE_MS / 4);
    await assert.rejects(one.lead(SCHEDULE), replaced);
    await assert.rejects(one.tick(held, [tick(60_000)]), replaced);
    await assert.rejects(one.begin(newRun("2")), replaced);
    assert.deepEqual(again ? await other.list({}) : [], []);
    await other.close();
  });
}

for (
  const [address, why] of [
    ["http://user@host/db", /no address of a Postgres/],
    ["postgres:///db", /no address of a Postgres/],
    ["postgres://host/db", /names no user/],
    ["postgres://user:sesame@host/db?sslmode=maybe", /sslmode is "maybe"/],
    ["postgres://user:sesame@host/db?options=x", /option "options"/],
    ["postgres://user:ses%ame@host/db", /% that encodes nothing/],
  ] as const
) {
  Deno.test(`${address} is no address of a record`, () => {
    assert.throws(() => openPostgresRuns({ url: address }), (error) => {
      assert.ok(error instanceof UserpipeError && error.code === "settings");
      assert.match(error.message, why);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /sesame|ses%ame/);
      return true;
    });
  });
}

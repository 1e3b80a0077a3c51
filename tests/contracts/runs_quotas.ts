/** The contract of the runs port: what a server lets one address fetch, over all processes. */
import assert from "node:assert/strict";
import { open, pause, type Test } from "./runs_kit.ts";

const API = "https://api";
const LIMIT = { records: 100, windowMs: 60_000 };

export function quotas(test: Test): void {
  test("what is taken of a quota counts over processes, by address", async (record) => {
    const [one, other] = await open(record, 2);
    assert.deepEqual(await one!.quota(API, LIMIT), { used: 0, blockedUntil: null });
    const before = Date.now() - 1_000;
    assert.equal(await one!.reserve(API, 60, LIMIT), null);
    assert.equal(await other!.reserve(API, 40, LIMIT), null);
    const { until, by } = (await one!.reserve(API, 1, LIMIT))!;
    assert.equal(by, "quota");
    assert.ok(until > before + LIMIT.windowMs && until <= Date.now() + 1_000 + LIMIT.windowMs, String(until));
    assert.deepEqual(await other!.quota(API, LIMIT), { used: 100, blockedUntil: null });
    assert.equal(await one!.reserve("https://another", 100, LIMIT), null);
  });

  test("a quota is over whoever used it", async (record) => {
    const gone = await record.open();
    await gone.runs.reserve(API, 100, LIMIT);
    await gone.crash();
    const [runs] = await open(record, 1);
    assert.notEqual(await runs!.reserve(API, 1, LIMIT), null);
  });

  test("of many that reserve at once, as many may as fit", async (record) => {
    const all = await open(record, 4);
    const answers = await Promise.all(Array.from({ length: 24 }, (_, n) => all[n % 4]!.reserve(API, 10, LIMIT)));
    assert.equal(answers.filter((hold) => hold === null).length, 10);
    assert.equal((await all[0]!.quota(API, LIMIT)).used, 100);
  });

  test("the window slides: at the time that was named there is room, for as much as was asked", async (record) => {
    const [runs] = await open(record, 1);
    const limit = { records: 100, windowMs: 600 };
    assert.equal(await runs!.reserve(API, 30, limit), null);
    await pause(200);
    assert.equal(await runs!.reserve(API, 60, limit), null);
    const untilMay = async (records: number) => (await runs!.reserve(API, records, limit))!.until;
    const [few, many] = [await untilMay(40), await untilMay(41)];
    assert.ok(many - few >= 150, `${few} and ${many}: the first to leave makes room for few`);
    assert.equal(await runs!.reserve(API, 10, limit), null, "what fits is not held up by what does not");
    await pause(Math.max(0, few - Date.now()) + 50);
    assert.equal(await runs!.reserve(API, 30, limit), null);
    await pause(limit.windowMs + 50);
    assert.equal((await runs!.quota(API, limit)).used, 0);
  });

  test("more than the limit at once waits for the whole window", async (record) => {
    const [runs] = await open(record, 1);
    assert.equal(await runs!.reserve(API, 1, LIMIT), null);
    assert.notEqual(await runs!.reserve(API, 1_000, LIMIT), null);
    assert.equal(await runs!.reserve("https://another", 1_000, LIMIT), null);
    assert.notEqual(await runs!.reserve("https://another", 1, LIMIT), null);
  });

  test("an address that refuses is asked nothing before it said, by anyone", async (record) => {
    const [one, other] = await open(record, 2);
    const until = Date.now() + 700;
    await one!.block(API, until);
    await one!.block(API, until - 500);
    const hold = { until, by: "server" };
    assert.deepEqual(await other!.reserve(API, 1, LIMIT), hold);
    assert.deepEqual(await other!.reserve(API, 1_000, null), hold, "also where no quota is known");
    assert.deepEqual(await other!.quota(API, LIMIT), { used: 0, blockedUntil: until });
    assert.equal(await other!.reserve("https://another", 1, LIMIT), null);
    await pause(until - Date.now() + 50);
    assert.equal(await other!.reserve(API, 1_000, null), null);
    assert.equal(await other!.reserve(API, 1, LIMIT), null);
    assert.equal((await one!.quota(API, LIMIT)).blockedUntil, null);
  });
}

/** The HTTP source against a stand-in for the API that behaves: pages, counts, seeds, its check. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { pageSize } from "../src/source/http.ts";
import { users } from "../src/users/pipeline.ts";
import { collectLog, configureLog } from "../src/log.ts";
import { json, quota, type RandomUserServer, serveRandomUsers, silence } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { all, openHttp } from "./support/sources.ts";

const RECORDS = records(30);

function asked({ requests }: RandomUserServer): string[] {
  return requests.map(({ searchParams: query }) => `${query.get("page")}×${query.get("results")}`);
}

Deno.test("one page gives the records that were asked for, with page, seed, time and size", async () => {
  await using server = serveRandomUsers(RECORDS);
  const before = Date.now();
  const [page, ...more] = await all(openHttp(server, { nat: "gb", page: 2 }));
  assert.deepEqual(more, []);
  assert.deepEqual(page.records, RECORDS.slice(10, 20));
  assert.deepEqual([page.number, page.seed, page.unreadable], [2, "s", []]);
  assert.ok(page.fetchedAt >= before && page.fetchedAt <= Date.now());
  assert.ok(page.bytes > 5_000, String(page.bytes));
  assert.equal(server.requests[0].search, "?results=10&page=2&seed=s&nat=gb");
});

Deno.test("a run of many pages asks for equal ones, each when it is wanted, and gives exactly the count", async () => {
  await using server = serveRandomUsers(RECORDS);
  const source = openHttp(server, { pipeline: { ...users, maxResults: 9 }, count: 20, page: 1 });
  const pages = source.pages()[Symbol.asyncIterator]();
  assert.equal(source.name, new URL(server.url).origin);
  assert.equal(server.requests.length, 0);
  const got: unknown[] = [];
  for (const requests of [1, 2, 3]) {
    got.push(...(await pages.next()).value!.records);
    assert.equal(server.requests.length, requests);
  }
  assert.equal((await pages.next()).done, true);
  assert.deepEqual(asked(server), ["1×7", "2×7", "3×7"]);
  assert.deepEqual(got, RECORDS.slice(0, 20));
});

Deno.test("the page size is the largest that leaves the least over", () => {
  const sizes = [[1, 1], [100, 100], [5000, 5000], [5001, 2501], [7000, 3500], [10_000, 5000], [10_001, 3334], [0, 0]];
  for (const [count, size] of sizes) assert.equal(pageSize(count, 5000), size, `of ${count}`);
});

Deno.test("a server that gives more than was asked for is cut to the count", async () => {
  await using server = serveRandomUsers(RECORDS);
  server.always(json({ results: RECORDS }));
  const [page] = await all(openHttp(server, { count: 4 }));
  assert.deepEqual(page.records, RECORDS.slice(0, 4));
});

Deno.test("a server that gives more than asked for, or another seed, is warned of once", async () => {
  await configureLog({ level: "warning", format: "json", colour: false, beforeWrite: () => {} });
  await using server = serveRandomUsers(RECORDS);
  const pipeline = { ...users, maxResults: 5 };
  const said: string[] = [];
  const read = () => collectLog((_, text) => said.push(text), () => all(openHttp(server, { pipeline })));
  await read();
  assert.deepEqual(said, []);
  server.always(json({ results: RECORDS, info: { seed: "other" } }));
  const pages = await read();
  assert.deepEqual(pages.map(({ records }) => records.length), [5, 5]);
  assert.deepEqual(said, [
    "The server gives 30 records where 5 were asked for: the rest is not taken",
    'The server gives records of the seed "other" where "s" was asked for: they may not come again',
  ]);
});

Deno.test("records of a wrong type are given as they came, for the check to refuse", async () => {
  await using server = serveRandomUsers(RECORDS);
  const odd: unknown[] = [{ ...RECORDS[0], phone: 5 }, null, "text", [], ...RECORDS.slice(4, 10)];
  server.always(json({ results: odd }));
  const [page] = await all(openHttp(server));
  assert.deepEqual(page.records, odd);
});

Deno.test("closing the source ends its pages", async () => {
  await using server = serveRandomUsers(RECORDS);
  const source = openHttp(server);
  server.always((request) => {
    source.close();
    return silence(request, server);
  });
  assert.deepEqual(await all(source), []);
});

Deno.test("an address that is none is refused before anything is asked", () => {
  for (const url of ["nonsense", "ftp://example.com/", "http://"]) {
    assert.throws(() => openHttp({ url }), (error) => error instanceof UserpipeError && error.code === "settings");
  }
});

Deno.test("records behind the last page of a seed are refused before anything is asked", async () => {
  await using server = serveRandomUsers(RECORDS);
  const [last] = await all(openHttp(server, { page: 10_000 }));
  assert.equal(last.number, 10_000);
  assert.throws(() => openHttp(server, { page: 9_999, count: 10_001 }), {
    code: "settings",
    message: "--count 10001 from --page 9999 on ends with page 10001, and a seed has 10000 at the most",
    hint: "Ask for 10000 at the most, and for the others with another --seed",
  });
  assert.doesNotThrow(() => openHttp(server, { page: 9_999, count: 10_000 }));
  assert.equal(server.requests.length, 1);
});

Deno.test("check asks for one record, once, and says how it went", async () => {
  await using server = serveRandomUsers(RECORDS);
  const source = openHttp(server, { count: 100 });
  const good = await source.check();
  assert.ok(good.ok);
  assert.match(good.detail, /^http:\/\/127\.0\.0\.1:\d+ answers, one record in \d+ ms$/);
  server.always(quota());
  const bad = await source.check();
  assert.ok(!bad.ok && bad.error.code === "source-unreachable");
  assert.deepEqual(asked(server), ["1×1", "1×1"]);
});

Deno.test("the same seed asks for the same records again, another one for others", async () => {
  await using server = serveRandomUsers(RECORDS);
  const one = await all(openHttp(server, { seed: "one" }));
  const two = await all(openHttp(server, { seed: "two" }));
  assert.deepEqual([one[0].records, two[0].records], [RECORDS.slice(0, 10), RECORDS.slice(10, 20)]);
  assert.deepEqual((await all(openHttp(server, { seed: "one" })))[0].records, one[0].records);
});

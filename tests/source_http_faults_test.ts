/** The HTTP source against a stand-in for the API that misbehaves in every known way, and against nothing at all. */
import assert from "node:assert/strict";
import { users } from "../src/users/pipeline.ts";
import { FAILURES, TROUBLES } from "./support/api_faults.ts";
import {
  type Answer,
  drip,
  json,
  quota,
  redirect,
  serveRandomUsers,
  silence,
  trouble,
} from "./support/randomuser_server.ts";
import { type ApiRecord, records } from "./support/records.ts";
import { assertNoSecret, oddSecretOf, secretOf } from "./support/secrets.ts";
import { all, failure, openHttp } from "./support/sources.ts";

const RECORDS = records(30);

for (const [what, answer] of Object.entries(TROUBLES)) {
  Deno.test(`after ${what} it tries again, for the same page, and goes on`, async () => {
    await using server = serveRandomUsers(RECORDS);
    server.next(answer, answer);
    const [page] = await all(openHttp(server));
    assert.deepEqual(page.records, RECORDS.slice(0, 10));
    assert.deepEqual(server.requests.map(({ search }) => search), Array(3).fill("?results=10&page=1&seed=s"));
  });
}

for (const [what, { answer, code, message, again }] of Object.entries(FAILURES)) {
  const requests = again ? 3 : 1;
  Deno.test(`with ${what} for good the run fails after ${requests} requests and says so`, async () => {
    await using server = serveRandomUsers(RECORDS);
    server.always(answer);
    const error = await failure(all(openHttp(server, { retries: 2, maxBytes: 1024 * 1024 })));
    assert.equal(error.code, code);
    assert.match(error.message.replace(" (tried 3 times)", ""), message);
    assert.match(error.message, /^(Cannot reach )?"http:\/\/127\.0\.0\.1:\d+\/api\/1\.4\/"/);
    assert.equal(error.message.endsWith("(tried 3 times)"), requests === 3);
    assert.equal(server.requests.length, requests);
  });
}

Deno.test("a few redirects are followed, many are not", async () => {
  await using server = serveRandomUsers(RECORDS);
  server.next(redirect("/elsewhere?x=1"), redirect("/api/1.4/?results=10&page=1"));
  const [page] = await all(openHttp(server));
  assert.equal(page.records.length, 10);
  let hop = 0;
  server.always((request) => redirect(`/hop/${++hop}`)(request, server));
  const error = await failure(all(openHttp(server)));
  assert.match(error.message, /redirects more than 5 times$/);
});

for (const [what, answer] of [["a body byte by byte", drip(5)], ["no answer at all", silence]] as const) {
  Deno.test(`${what} ends at the time limit`, async () => {
    await using server = serveRandomUsers(RECORDS);
    server.always(answer);
    const began = performance.now();
    const error = await failure(all(openHttp(server, { timeoutMs: 200, retries: 1 })));
    assert.equal(error.code, "source-unreachable");
    assert.match(error.message, /no whole answer within 0\.2 s \(tried 2 times\)$/);
    assert.ok(performance.now() - began < 15_000);
  });

  Deno.test(`with ${what} a signal ends the pages at once, without an error`, async () => {
    await using server = serveRandomUsers(RECORDS);
    const stop = new AbortController();
    server.always((request) => {
      setTimeout(() => stop.abort(), 20);
      return answer(request, server);
    });
    const began = performance.now();
    assert.deepEqual(await all(openHttp(server), stop.signal), []);
    assert.ok(performance.now() - began < 15_000);
  });
}

Deno.test("a signal ends a wait between tries, and one that was there before asks for nothing", async () => {
  await using server = serveRandomUsers(RECORDS);
  server.always(quota("60"));
  const stop = new AbortController();
  const pages = all(openHttp(server), stop.signal);
  while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  assert.deepEqual(await pages, []);
  const asked = server.requests.length;
  assert.deepEqual(await all(openHttp(server), AbortSignal.abort()), []);
  assert.equal(server.requests.length, asked);
});

const UNREACHABLE: [what: string, url: string, message: RegExp][] = [
  ["a name that does not resolve", "http://no-such-host.invalid/", /its name does not resolve \(DNS\)/],
  ["a port where nothing listens", "http://127.0.0.1:{free}/", /the connection was refused/],
  ["https where there is only http", "https://127.0.0.1:{http}/", /no secure connection \(TLS: .+\)/],
];
for (const [what, url, message] of UNREACHABLE) {
  Deno.test(`${what} is told from other failures`, async () => {
    await using server = serveRandomUsers(RECORDS);
    const spare = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const free = (spare.addr as Deno.NetAddr).port;
    spare.close();
    const at = url.replace("{free}", String(free)).replace("{http}", new URL(server.url).port);
    const source = openHttp({ url: `${at}?key=hidden` }, { retries: 1 });
    const error = await failure(all(source));
    assert.equal(error.code, "source-unreachable");
    assert.match(error.message, message);
    assert.match(error.message, /^Cannot reach ".*" ?.*\(tried 2 times\)$/);
    assert.doesNotMatch(error.message, /hidden/);
    const checked = await source.check();
    assert.ok(!checked.ok && message.test(checked.error.message));
  });
}

Deno.test("a failure of a kind that nobody knows is reported with its own words", async () => {
  const fetch = () => Promise.reject(new TypeError("fetch failed", { cause: new Error("the moon is full") }));
  const error = await failure(all(openHttp({ url: "http://example.invalid/" }, { fetch, retries: 0 })));
  assert.equal(error.message, 'Cannot reach "http://example.invalid/": the moon is full');
});

Deno.test("a failure in a later page comes after the pages before it", async () => {
  await using server = serveRandomUsers(RECORDS);
  const source = openHttp(server, { pipeline: { ...users, maxResults: 5 }, retries: 0 });
  const got: ApiRecord[] = [];
  const error = await failure((async () => {
    for await (const page of source.pages()) {
      got.push(...page.records as ApiRecord[]);
      server.always(trouble(503));
    }
  })());
  assert.deepEqual(got, RECORDS.slice(0, 5));
  assert.equal(error.code, "source-unreachable");
});

Deno.test("the hint says to wait as long as the server asks for", async () => {
  await using server = serveRandomUsers(RECORDS);
  for (
    const [after, hint] of [["86400", "24 hours"], ["300", "5 minutes"], ["90", "90 seconds"], ["604800", "7 days"]]
  ) {
    server.always(quota(after));
    assert.equal((await failure(all(openHttp(server)))).hint, `Try again in ${hint}`);
  }
});

Deno.test("a server's own full stop does not end the sentence it is quoted in", async () => {
  await using server = serveRandomUsers(RECORDS);
  server.always(json({ error: "Something is going wrong." }));
  assert.match((await failure(all(openHttp(server, { retries: 0 })))).message, /is going wrong$/);
});

const KEYS = { plain: secretOf("the API's key"), odd: oddSecretOf("the API's odd key") };
const PASSWORD = oddSecretOf("the API's password");

const said = (status: number, body: string): Answer => () => new Response(body, { status });

/** Each says it as it is, and at the place where what is quoted is cut. */
const ECHOES: Record<string, (secret: string) => Answer> = {
  "a refusal in JSON": (secret) => said(401, JSON.stringify({ error: `no such key ${secret}` })),
  "a long refusal in JSON": (secret) => said(401, JSON.stringify({ error: `${"x".repeat(190)} ${secret}` })),
  "a refusal in words": (secret) => said(403, `no such key: ${secret}`),
  "a long refusal in words": (secret) => said(403, `${" ".repeat(4_096 - 8)}${secret}`),
  "trouble": (secret) => said(503, `${"x".repeat(190)}${secret}`),
  "an error in a good answer": (secret) => said(200, JSON.stringify({ error: `${"x".repeat(190)} ${secret}` })),
  "what is no JSON": (secret) => said(200, secret),
  "a piece of JSON": (secret) => said(200, `{"error": ${JSON.stringify(secret)} }}`),
  "the way to no web address": (secret) => redirect(`mailto:${encodeURIComponent(secret)}`),
  "a circle": (secret) => redirect(`/denied/${encodeURIComponent(secret)}`),
};

for (const [what, echo] of Object.entries(ECHOES)) {
  Deno.test(`a secret of the address is hidden where the server echoes it: ${what}`, async () => {
    await using server = serveRandomUsers(RECORDS);
    const url = new URL(server.url);
    Object.assign(url, { username: "me", password: PASSWORD });
    for (const [name, key] of Object.entries(KEYS)) url.searchParams.set(name, key);
    const login = new TextEncoder().encode(`me:${PASSWORD}`).toBase64();
    for (const secret of [...Object.values(KEYS), PASSWORD, encodeURIComponent(KEYS.odd), url.password, login]) {
      server.always(echo(secret));
      const source = openHttp({ url: url.href }, { retries: 1 });
      const checked = await source.check();
      const error = await failure(all(source));
      assert.ok(!checked.ok);
      for (const said of [error.message, error.hint, checked.error.message, source.trouble!()!.what]) {
        assertNoSecret(said, "an error");
        assert.doesNotMatch(said, /zQsec/, "nor a piece of it");
      }
    }
  });
}

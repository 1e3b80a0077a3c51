/** What guards the page against other pages: each case is one that tries to get past it. */
import assert from "node:assert/strict";
import { Hono } from "hono";
import { restDropped } from "../src/dashboard/body.ts";
import { plainMethods } from "../src/dashboard/guard.ts";
import { CHANGES, errorOf, pageTest as test, refusalOf } from "./support/page.ts";

test("every answer has the policy and the headers, whatever it is", async (page) => {
  const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
  const asked: [path: string, init?: RequestInit][] = [
    ...["/", "/assets/app.js", "/nothing", "/api/session", "/api/nothing", "/healthz", "/readyz", "/metrics"].map((
      path,
    ): [string] => [path]),
    ["/api/schedule/pause", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }],
    ["/", { method: "DELETE" }],
    ["/api/way", { headers: { origin: "http://elsewhere.example" } }],
  ];
  for (const [path, init] of asked) {
    const { status, headers, body } = await page.ask(path, init);
    await body?.cancel();
    const of = `${status} ${path}`;
    assert.equal(headers.get("content-security-policy"), policy, of);
    assert.equal(headers.get("x-content-type-options"), "nosniff", of);
    assert.equal(headers.get("referrer-policy"), "no-referrer", of);
    assert.equal(headers.get("x-frame-options"), "DENY", of);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", of);
    const own = path === "/" && status === 200 || path.startsWith("/assets/");
    assert.equal(headers.get("cache-control"), own ? "no-cache" : "no-store", of);
    assert.equal(headers.get("access-control-allow-origin"), null, of);
  }
});

test("a site whose name was made to point here gets nothing", async (page) => {
  for (
    const host of ["elsewhere.example", `elsewhere.example:${page.port}`, "127.0.0.1.elsewhere.example", "10.0.0.1"]
  ) {
    for (const path of ["/", "/api/session", "/api/way", "/metrics"]) {
      const answer = await page.raw(`GET ${path} HTTP/1.1`, `Host: ${host}`);
      assert.match(answer, /^HTTP\/1.1 403 .*"code":"host"/s, `${host} ${path}`);
    }
  }
  for (const host of ["localhost", `localhost:${page.port}`, "127.0.0.1:9999", `[::1]:${page.port}`]) {
    assert.match(await page.raw("GET /api/session HTTP/1.1", `Host: ${host}`), /^HTTP\/1.1 200 /, host);
  }
});

test("another page reads and changes nothing, and may lead here", async (page) => {
  const elsewhere: Record<string, string>[] = [
    { origin: "http://elsewhere.example" },
    { origin: `http://127.0.0.1:${page.port + 1}` },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site", origin: page.url },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
  ];
  const { csrf } = await (await page.ask("/api/session")).json();
  for (const headers of elsewhere) {
    const told = JSON.stringify(headers);
    for (const path of ["/api/session", "/api/runs", "/api/events", "/metrics", "/assets/app.js"]) {
      assert.equal((await errorOf(await page.ask(path, { headers }))).code, "origin", `${told} ${path}`);
    }
    const forged = await page.post("/api/schedule/pause", {}, { ...headers, "x-userpipe-csrf": csrf });
    assert.equal((await errorOf(forged)).code, "origin", told);
  }
  const link = await page.ask("/", { headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" } });
  assert.equal(link.status, 200, await link.text());
  const own = await page.ask("/api/session", { headers: { origin: page.url } });
  assert.equal(own.status, 200, await own.text());
});

test("nothing is changed without the page's token, by GET, by a form, or by what is no JSON", async (page) => {
  const { csrf } = await (await page.ask("/api/session")).json();
  for (const path of CHANGES) {
    const got = await page.ask(path);
    assert.ok([400, 404].includes(got.status), `${path}: ${got.status} ${await got.text()}`);
    for (const said of [[], [["x-userpipe-csrf", ""]], [["x-userpipe-csrf", `${csrf}x`]]]) {
      assert.deepEqual(await refusalOf(await page.post(path, {}, Object.fromEntries(said))), [403, "csrf"], path);
    }
    for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]) {
      const headers = { "content-type": type, "x-userpipe-csrf": csrf };
      const sent = await page.ask(path, { method: "POST", headers, body: '{"all":true}' });
      assert.deepEqual(await refusalOf(sent), [415, "body"], `${path} ${type}`);
    }
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      const sent = await page.ask(path, { method, headers: { "x-userpipe-csrf": csrf } });
      assert.deepEqual(await refusalOf(sent), [405, "method"], `${method} ${path}`);
    }
  }
  const large = await page.post("/api/runs/trigger", { text: "x".repeat(100_000) }, { "x-userpipe-csrf": csrf });
  assert.deepEqual(await refusalOf(large), [413, "body"]);
  const right = await page.post("/api/nothing", {}, { "x-userpipe-csrf": csrf });
  assert.deepEqual(await refusalOf(right), [404, "not-found"]);
});

/** A body of so many KiB that says how many of them were read. */
function counted(kib: number): { body: ReadableStream<Uint8Array<ArrayBuffer>>; read: () => number } {
  let read = 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) => {
    if (read++ === kib) controller.close();
    else controller.enqueue(new Uint8Array(1024).fill(0x20));
  };
  return { body: new ReadableStream({ pull }, { highWaterMark: 0 }), read: () => read };
}

Deno.test("what is refused is answered behind its body, which HTTP/2 would break off, unless that is far too large", async () => {
  const app = new Hono().use(restDropped, plainMethods);
  app.post("/taken", async (c) => c.text(String((await c.req.text()).length)));
  const json = { "content-type": "application/json" };
  const cases: [answer: RegExp, kib: number, read: number, headers: HeadersInit, method?: string][] = [
    [/^200 65536$/, 64, 65, json],
    [/^413 .*too large/, 65, 66, json],
    [/^413 .*too large/, 900, 901, json],
    [/^415 .*not JSON/, 900, 901, { "content-type": "text/plain" }],
    [/^405 .*not taken/, 100, 101, json, "PUT"],
    [/^415 .*not JSON/, 10_000, 4096, {}],
  ];
  for (const [expected, kib, most, headers, method = "POST"] of cases) {
    const { body, read } = counted(kib);
    const answer = await app.request("/taken", { method, headers, body });
    assert.match(`${answer.status} ${await answer.text()}`, expected);
    assert.equal(read(), most, `of ${kib} KiB`);
  }
});

test("no path leads to a file", async (page) => {
  const paths = [
    "/assets/../../../deno.json",
    "/assets/..%2f..%2f..%2fdeno.json",
    "/assets/%2e%2e/%2e%2e/deno.json",
    "/assets/....//deno.json",
    "/assets/..%5c..%5cdeno.json",
    "/assets//etc/passwd",
    "/../etc/passwd",
    "/assets/__proto__",
    "/assets/constructor",
    "/assets/types.ts",
    "/assets/index.html%00.js",
    "/assets/%",
    "/src/dashboard/server.ts",
    "/assets/",
  ];
  for (const path of paths) {
    const answer = await page.raw(`GET ${path} HTTP/1.1`, "Host: localhost");
    assert.match(answer, /^HTTP\/1.1 40[04] /, path);
    assert.ok(!/root:|"imports"|npm:/.test(answer), path);
  }
});

test("a page that only shows refuses each change, and shows", async (page) => {
  const session = await (await page.ask("/api/session")).json();
  assert.equal(session.readOnly, true);
  for (const path of CHANGES.filter((path) => path.startsWith("/api/"))) {
    const answer = await page.post(path, {}, { "x-userpipe-csrf": session.csrf });
    assert.deepEqual(await refusalOf(answer), [403, "read-only"], path);
  }
  const runs = await page.ask("/api/runs");
  assert.equal(runs.status, 200, await runs.text());
}, { flags: { dashboardReadOnly: "true" } });

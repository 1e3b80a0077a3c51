/** The page's server: where it listens, what it serves, how events reach many, and that it costs and breaks nothing. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { bundleOf } from "../src/dashboard/bundle.ts";
import { FILES, PAGE, SCRIPTS, STYLES } from "../src/dashboard/page_files.ts";
import { type EventSources, Hub } from "../src/dashboard/events.ts";
import { DASHBOARD_ADDRESS } from "../src/settings_dashboard.ts";
import { ROOT } from "../tools/build/options.ts";
import { start, succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { eventsOf, pageTest as test, showPage, signIn } from "./support/page.ts";
import { secretOf } from "./support/secrets.ts";
import { CERTIFICATE, KEY } from "./support/tls.ts";

test("the page and all that it loads come from the program, and are not sent twice", async (page) => {
  const answer = await page.ask("/");
  assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(await answer.text(), PAGE);
  const types: Record<string, RegExp> = { js: /^text\/javascript; charset=utf-8$/, css: /^text\/css; charset=utf-8$/ };
  for (const [name, text] of Object.entries(FILES)) {
    const asset = await page.ask(`/assets/${name}`, { headers: { "accept-encoding": "gzip" } });
    assert.equal(await asset.text(), text, name);
    assert.equal(asset.headers.get("content-encoding"), "gzip", name);
    assert.match(asset.headers.get("content-type")!, types[name.split(".").at(-1)!]!, name);
    const again = await page.ask(`/assets/${name}`, { headers: { "if-none-match": asset.headers.get("etag")! } });
    assert.equal(again.status, 304, name);
    assert.equal(await again.text(), "");
  }
});

Deno.test("every file of the page is in what is served, and everything that the page names is there", async () => {
  const folder = join(ROOT, "src/dashboard/page");
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  const written = { ...SCRIPTS, ...STYLES };
  assert.deepEqual(Object.keys(written).sort(), names.filter((name) => /\.(js|css|svg)$/.test(name)).sort());
  for (const [name, text] of Object.entries(written)) {
    assert.equal(text, await Deno.readTextFile(join(folder, name)), name);
    // As it begins: its doc comment, which the bundle leaves as it is.
    const served = FILES[name.endsWith(".js") ? "app.js" : "style.css"]!;
    assert.ok(served.includes(text.slice(0, text.indexOf("\n"))), name);
  }
  const named = [PAGE, ...Object.values(FILES)].flatMap((text) => [...text.matchAll(/["'(]\/assets\/([^"')]+)/g)]);
  for (const [, name] of named) assert.ok(name! in FILES, name);
});

Deno.test("modules become one script in which each has its own names, begun once, behind what it imports", () => {
  const modules = {
    "a.js":
      'import { b, twice as doubled } from "./b.js";\nimport { C } from "./c.js";\nseen.push(b, doubled(2), new C().n);\n',
    "b.js": "const n = 1;\nexport const b = n;\nexport function twice(x) {\n  return 2 * x;\n}\n",
    "c.js":
      'import { b } from "./b.js";\nconst n = b + 6;\nexport class C {\n  n = n;\n}\nexport async function no() {}\n',
  };
  const seen: unknown[] = [];
  new Function("seen", bundleOf(modules, "a"))(seen);
  assert.deepEqual(seen, [1, 4, 7]);
  const wrong = (text: string) => () => bundleOf({ ...modules, "c.js": text }, "a");
  assert.throws(wrong('import { a } from "./a.js";\n'), /import each other: a, c, a/);
  assert.throws(wrong('import { d } from "./d.js";\n'), /no module "d\.js"/);
  for (const text of ['import * as b from "./b.js";', "export default 1;", 'const b = await import("./b.js");']) {
    assert.throws(wrong(`${text}\n`), /"c\.js" of the page cannot be bundled/, text);
  }
});

Deno.test("the page has no script and no style of its own that the policy would have to allow", () => {
  assert.deepEqual(PAGE.match(/<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:/gi), null);
  assert.deepEqual(PAGE.match(/(?:src|href)="(?:https?:)?\/\/[^"]*"/g), null);
});

test("the process lives before its ends do, and each end says why it is not ready", async (page) => {
  const health = await page.ask("/healthz");
  assert.deepEqual([health.status, await health.text()], [200, "ok"]);
  const ready = await page.ask("/readyz");
  assert.equal(ready.status, 503);
  const { parts } = await ready.json();
  const broker = parts.find((part: { name: string }) => part.name === "broker");
  assert.deepEqual(parts.map(({ name }: { name: string }) => name), ["broker", "store", "runs"]);
  assert.equal(broker.ok, false);
  assert.match(broker.why, /users_created/);
  assert.match(broker.hint, /userpipe init/);
});

Deno.test("what is ready says what it is, and looking has made no file", () =>
  withFolder(async (cwd) => {
    await using page = await showPage({ cwd });
    for (const path of ["/", "/readyz", "/metrics", "/api/way", "/api/runs"]) await (await page.ask(path)).text();
    assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), []);
    await succeeds(["init"], { cwd });
    await until(
      async () => {
        const ready = await page.ask("/readyz");
        const { parts } = await ready.json();
        return ready.status === 200 &&
          parts.every((part: { ok: boolean; detail: string }) => part.ok && part.detail !== "");
      },
      30_000,
      () => "it is not ready",
    );
    const metrics = await (await page.ask("/metrics")).text();
    assert.match(metrics, /^userpipe_outbox_records 0$/m, "an embedded broker has none, and nothing waits");
  }));

test("metrics are Prometheus's text", async (page) => {
  const answer = await page.ask("/metrics");
  assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.match(await answer.text(), /^userpipe_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
});

test("a stream of events begins at once, tells the way each second, and ends with the server", async (page) => {
  const answer = await page.ask("/api/events?messages=1", { headers: { "accept-encoding": "gzip, br" } });
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  assert.equal(answer.headers.get("content-encoding"), null);
  const ways: number[] = [];
  for await (const [name, data] of eventsOf(answer)) {
    if (name === "way") ways.push((data as { at: number }).at);
    if (ways.length === 2) break;
  }
  assert.ok(ways[1]! - ways[0]! > 500, String(ways));
  const second = await page.ask("/api/events");
  const began = performance.now();
  await page.close();
  await Array.fromAsync(eventsOf(second)).catch(() => {});
  assert.ok(performance.now() - began < 20_000);
});

/** Counts how often it is asked. */
function countingSources(): EventSources & { asked: number } {
  return {
    asked: 0,
    way() {
      return Promise.resolve({ n: ++this.asked });
    },
    runs: () => Promise.resolve([]),
    messages: () => Promise.resolve([]),
  };
}

Deno.test("however many listen, the views are asked once a second; while nobody does, not at all", async () => {
  const stop = new AbortController();
  const sources = countingSources();
  const hub = new Hub(sources, stop.signal);
  assert.equal(sources.asked, 0);
  const listeners = Array.from({ length: 20 }, () => {
    return eventsOf(new Response(hub.listen({ messages: false, isWelcome: () => true })));
  });
  for (let event = 0; event < 2; event++) {
    const seen = await Promise.all(listeners.map((listener) => listener.next()));
    assert.ok(seen.every(({ value }) => value![0] === "way"));
  }
  assert.ok(sources.asked <= 3, String(sources.asked));
  await Promise.all(listeners.map((listener) => listener.return(undefined)));
  const asked = sources.asked;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.ok(sources.asked <= asked + 1, `${sources.asked} after ${asked}`);
  stop.abort();
});

Deno.test("what whoever loads the page is told first is asked before they listen, and once where nobody does", async () => {
  const stop = new AbortController();
  const sources = countingSources();
  const hub = new Hub(sources, stop.signal);
  hub.expect();
  hub.expect();
  assert.equal(sources.asked, 1);
  const events = eventsOf(new Response(hub.listen({ messages: false, isWelcome: () => true })));
  assert.deepEqual((await events.next()).value, ["way", { n: 1 }]);
  stop.abort();
  await events.return(undefined);
});

Deno.test("who reads too slowly is cut off, and the others go on", async () => {
  const stop = new AbortController();
  const way = () => Promise.resolve({ text: "x".repeat(300_000) });
  const hub = new Hub({ ...countingSources(), way }, stop.signal);
  const slow = hub.listen({ messages: false, isWelcome: () => true })!.getReader();
  const quick = eventsOf(new Response(hub.listen({ messages: false, isWelcome: () => true })));
  for (let event = 0; event < 3; event++) assert.equal((await quick.next()).value![0], "way");
  await assert.rejects(slow.read(), /cut off/);
  stop.abort();
  assert.equal((await quick.next()).done, true);
});

Deno.test("a view that fails takes neither the stream nor the process down, and messages are told once", async () => {
  const stop = new AbortController();
  let offset = 0;
  const hub = new Hub({
    way: () => Promise.reject(new Error("no way")),
    runs: () => Promise.resolve([offset]),
    messages: () =>
      Promise.resolve([{ partition: 0, offset: String(offset) }, { partition: 0, offset: String(++offset) }]),
  }, stop.signal);
  const events = eventsOf(new Response(hub.listen({ messages: true, isWelcome: () => true })));
  const seen: unknown[] = [];
  while (seen.length < 3) seen.push((await events.next()).value);
  const offsets = seen.flatMap((event) => {
    const [name, data] = event as [string, { messages: { offset: string }[] }];
    return name === "messages" ? data.messages.map(({ offset }) => offset) : [name];
  });
  assert.deepEqual(offsets, ["0", "1", "runs", "2"]);
  stop.abort();
  await events.return(undefined);
});

Deno.test("with a certificate the page is https, and its cookie goes no other way", () =>
  withFolder(async (cwd) => {
    const [tlsCert, tlsKey] = [join(cwd, "cert.pem"), join(cwd, "key.pem")];
    await Deno.writeTextFile(tlsCert, CERTIFICATE);
    await Deno.writeTextFile(tlsKey, KEY);
    const password = secretOf("the page's password");
    const env = { USERPIPE_DASHBOARD_PASSWORD: password };
    await using page = await showPage({ cwd, flags: { tlsCert, tlsKey }, env });
    assert.match(page.url, /^https:/);
    const answer = await page.post("/login", { password }, { origin: page.url });
    assert.match(answer.headers.get("set-cookie")!, /; Secure/);
    const { cookie } = await signIn(page, password);
    const way = await page.ask("/api/way", { headers: { cookie } });
    assert.equal(way.status, 200, await way.text());
    await Deno.writeTextFile(tlsKey, "no key");
    await assert.rejects(
      showPage({ cwd, flags: { tlsCert, tlsKey } }),
      /the page's key, ".*key\.pem", holds no key in PEM/,
    );
  }));

Deno.test("a port that was asked for and is taken is an error; the default gives way to the next, and says so", () =>
  withFolder(async (cwd) => {
    // Whoever has the default port now, it is taken.
    using _ = await takenPort(DASHBOARD_ADDRESS.port);
    using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = other.addr;
    const { code, stderr } = await userpipe(["dashboard", String(port)], { cwd });
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      new RegExp(`^error: The page cannot be shown at port ${port} of "127.0.0.1": another program`),
    );
    await using page = start(["dashboard"], { cwd });
    const said = /The page is at (http:\/\/127\.0\.0\.1:(\d+)), since another program listens at 8642\./;
    await page.printed(said);
    const [, url, next] = said.exec(page.output)!;
    assert.notEqual(Number(next), DASHBOARD_ADDRESS.port);
    assert.equal(await (await fetch(`${url}/healthz`)).text(), "ok");
    page.signal("SIGTERM");
    assert.equal(await page.ended, 0, page.output);
    assert.match(page.output, /Stopping\.\n/, "it stores nothing that would be finished");
  }));

/** Listens there; where another program goes on listening, that one does. */
async function takenPort(port: number): Promise<Disposable> {
  const tries = 50;
  for (let n = 0; n < tries; n++) {
    try {
      const listener = Deno.listen({ hostname: "127.0.0.1", port });
      return { [Symbol.dispose]: () => listener.close() };
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      // Another test's may end at any moment.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return { [Symbol.dispose]: () => {} };
}

Deno.test("up shows the page by itself, with what it carried, and ends with it open", () =>
  withFolder(async (cwd) => {
    await using up = start(["up", "--generate", "50", "--dashboard", "127.0.0.1:0"], { cwd });
    await up.printed("delivered");
    const [, url] = /The page is at (\S+)\./.exec(up.output)!;
    const events = eventsOf(await fetch(`${url}/api/events`));
    for await (const [name, data] of events) if (name === "way" && (data as { rows: number }).rows === 50) break;
    const open = await fetch(`${url}/api/events`);
    // What ends when its browser leaves, and here does not.
    assert.equal((await (await fetch(`${url}/api/table/facets?all=1`)).json()).of, 50);
    up.signal("SIGTERM");
    assert.equal(await up.ended, 0, up.output);
    assert.doesNotMatch(up.output, /Deno\./, "the runtime has nothing to say");
    await open.body!.cancel().catch(() => {});
  }));

Deno.test("up without the page opens no port, and one run by itself has none", () =>
  withFolder(async (cwd) => {
    await using up = start(["up", "--generate", "5", "--no-dashboard"], { cwd });
    await up.printed("delivered");
    assert.ok(!up.output.includes("The page is at"), up.output);
    for (const both of [["--no-dashboard", "--dashboard", "127.0.0.1:0"], ["--dashboard", "--no-dashboard"]]) {
      const { code, stderr } = await userpipe(["up", ...both], { cwd });
      assert.equal(code, 2, stderr);
      assert.match(stderr, /--dashboard.* contradict each other/);
    }
    const once = await userpipe(["ingest", "--generate", "1", "--dashboard"], { cwd });
    assert.equal(once.code, 2);
    assert.match(once.stderr, /--dashboard shows a process that keeps running/);
    const beside = await userpipe(["ingest", "--generate", "1"], { cwd, env: { USERPIPE_DASHBOARD: "127.0.0.1:0" } });
    assert.equal(beside.code, 0, beside.stderr);
  }));
